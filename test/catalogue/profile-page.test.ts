import { fillProfilePage } from '../../src/catalogue/profile-page.js';
import { profiles } from '../../src/catalogue/profile.js';
import { catalogueOf, readProjectFile } from './example.js';

const page = readProjectFile('docs/profiles.md');

/** What a page says, however its tables are aligned. */
const words = (text: string): string[] =>
  text
    .split('\n')
    .map((line) => line.replaceAll(/ +/g, ' ').replaceAll(/-{3,}/g, '---').trim())
    .filter((line) => line !== '');

const frame = `version: 1
purposes: { search-indexing: { description: Keep the search index current } }
workflows: { nightly-index: { owner: search-team@example.com, purposes: [search-indexing], max_run_ttl: 1h } }
`;

describe('the page of profiles', () => {
  it('has the members and the profiles of the code (node scripts/write-profiles.mjs after a build)', () => {
    expect(words(page)).toEqual(words(fillProfilePage(page)));
  });

  it('has a section of each profile but standard, with an example that the catalogue takes', () => {
    const sections = page.split(/^## /m).slice(2);
    const named = sections.map((section) => section.split('\n')[0]);
    expect(named).toEqual(Object.keys(profiles).filter((name) => name !== 'standard'));
    for (const [index, section] of sections.entries()) {
      const [, example = ''] = /```yaml\n([^]*?)```/.exec(section) ?? [];
      const [server] = Object.values(catalogueOf(frame + example).authorizationServers);
      expect(server?.profile).toEqual(profiles[named[index] ?? '']);
      expect(section).toMatch(/^Sources: .*https:/m);
    }
  });

  it('begins with an example that the catalogue takes', () => {
    const [, example = ''] = /```yaml\n([^]*?)```/.exec(page) ?? [];
    const { plain, special } = catalogueOf(frame + example).authorizationServers;
    expect(plain?.profile.name).toBe('standard');
    expect(special?.profile).toMatchObject({ name: 'keycloak', toleratedExtraScopes: ['profile'], reusesTokens: true });
  });
});
