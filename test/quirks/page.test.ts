import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { printQuirks, quirks, type Quirk } from './quirks.js';

const root = path.resolve(import.meta.dirname, '../..');
const read = (file: string): string => readFileSync(path.join(root, file), 'utf8');

/** By id: the file that has the test of a quirk. */
const tests = new Map<string, string>();
for (const name of readdirSync(import.meta.dirname).filter((each) => each.endsWith('.test.ts'))) {
  for (const [, id = ''] of read(`test/quirks/${name}`).matchAll(/^quirk\('(Q\d+)'/gm)) tests.set(id, `test/quirks/${name}`);
}

/** What a table says, however its columns are aligned. */
const words = (text: string): string[] =>
  text.split('\n').map((line) => line.replaceAll(/ +/g, ' ').replaceAll(/-{3,}/g, '---').replaceAll(/[*_]/g, '_').trim());

describe('the page of quirks', () => {
  it('is the one of these tests, all of which pass (node scripts/write-quirks.mjs)', () => {
    const passing = new Map([...tests].map(([id, file]) => [id, { file, result: 'passes' }]));
    expect(words(read('docs/quirks.md'))).toEqual(words(printQuirks(passing)));
  });

  it('has every quirk from Q1 to Q43, and a test of each or why there is none', () => {
    expect(Object.keys(quirks)).toEqual(Array.from({ length: 43 }, (_, index) => `Q${index + 1}`));
    const untold = Object.entries(quirks).filter(([id, { open }]: [string, Quirk]) => !tests.has(id) && open === undefined);
    expect(untold).toEqual([]);
  });
});
