// Fills in what docs/profiles.md takes from the built code. Run after `npm run build`; a test tells when it was forgotten.
import { readFile, writeFile } from 'node:fs/promises';
import * as prettier from 'prettier';
import { fillProfilePage } from '../dist/catalogue/profile-page.js';

const target = new URL('../docs/profiles.md', import.meta.url);
const options = { ...(await prettier.resolveConfig(target)), parser: 'markdown' };
await writeFile(target, await prettier.format(fillProfilePage(await readFile(target, 'utf8')), options));
console.log('wrote docs/profiles.md');
