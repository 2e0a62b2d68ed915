import { fillConfigurationPage } from '../../src/config/configuration-page.js';
import { definitions } from '../../src/config/variables.js';
import { readProjectFile } from '../catalogue/example.js';

const page = readProjectFile('docs/configuration.md');

/** What a page says, however its tables are aligned. */
const words = (text: string): string[] =>
  text
    .split('\n')
    .map((line) => line.replaceAll(/ +/g, ' ').replaceAll(/-{3,}/g, '---').trim())
    .filter((line) => line !== '');

describe('the page of settings', () => {
  it('has the variables of the code (node scripts/write-configuration.mjs after a build)', () => {
    expect(words(page)).toEqual(words(fillConfigurationPage(page)));
    for (const [name] of definitions) expect(page).toMatch(new RegExp(`^\\| \`${name}\``, 'm'));
  });
});
