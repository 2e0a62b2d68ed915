// Fills in what docs/configuration.md takes from the built code. Run after `npm run build`; a test tells when it was forgotten.
import { readFile, writeFile } from 'node:fs/promises';
import * as prettier from 'prettier';
import { fillConfigurationPage } from '../dist/config/configuration-page.js';

const target = new URL('../docs/configuration.md', import.meta.url);
const options = { ...(await prettier.resolveConfig(target)), parser: 'markdown' };
await writeFile(target, await prettier.format(fillConfigurationPage(await readFile(target, 'utf8')), options));
console.log('wrote docs/configuration.md');
