// Fills in what docs/metrics.md takes from the built code. Run after `npm run build`; a test tells when it was forgotten.
import { readFile, writeFile } from 'node:fs/promises';
import * as prettier from 'prettier';
import { fillMetricsPage } from '../dist/platform/metrics/metrics-page.js';

const target = new URL('../docs/metrics.md', import.meta.url);
const options = { ...(await prettier.resolveConfig(target)), parser: 'markdown' };
await writeFile(target, await prettier.format(fillMetricsPage(await readFile(target, 'utf8')), options));
console.log('wrote docs/metrics.md');
