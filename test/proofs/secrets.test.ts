import { beforeAll, describe, expect, it } from '@jest/globals';
import { EventfulDay, type Evening } from './eventful-day.js';
import { Search } from './needles.js';

/** Each file that holds a secret because that is what it is for. */
const own = new Set(['the admin key in clear in admin.key', 'the sealing key in clear in keys/seal.key']);

let evening: Evening;
let search: Search;
beforeAll(async () => {
  evening = await EventfulDay.live();
  search = new Search(evening.canaries);
}, 120_000);

const inAll = (haystacks: Iterable<readonly [string, Buffer | string]>, sought = search): readonly string[] =>
  [...haystacks].flatMap(([where, haystack]) => sought.in(where, haystack));
const numbered = (texts: readonly string[]): readonly [string, string][] =>
  texts.map((text, index) => [`no. ${index}: ${text.slice(0, 200)}`, text]);

describe('secrets', () => {
  it('were at stake in every way', () => {
    const kinds = new Map<string, number>();
    for (const { what } of evening.canaries) kinds.set(what, (kinds.get(what) ?? 0) + 1);
    expect(Object.fromEntries(kinds)).toMatchObject({
      'an upstream token': expect.any(Number),
      'an assertion to the server': expect.any(Number),
      'an Authorization header to the server': expect.any(Number),
      "a client's private key": 1,
      "a run's private key": 2,
      'the second secret in a file': 1,
      'the sealing key': 1,
    });
    expect(evening.canaries.length).toBeGreaterThan(150);
    expect(evening.revocations).toBeGreaterThan(10);
    expect(evening.told.length).toBeGreaterThan(100);
  });

  it('would be found: what is no secret is found in the same places', () => {
    const known = new Search(evening.runs.map((text) => ({ what: 'a run', text })));
    expect(inAll(evening.left.tables, known)).toEqual(
      expect.arrayContaining(['a run in clear in run', 'a run in hex in entry', 'a run in clear in entry']),
    );
    expect(inAll(evening.left.files, known).some((found) => found.includes('db/pg_wal'))).toBe(true);
    expect(inAll(numbered(evening.told), known).length).toBeGreaterThan(0);
    for (const text of ['a canary in a mine', 'another canary?>']) {
      for (const before of ['', 'x', 'xx']) {
        const hidden = Buffer.from(`${before}${text} and more`);
        for (const written of [hidden.toString(), hidden.toString('hex'), hidden.toString('base64'), hidden.toString('base64url')]) {
          expect(new Search([{ what: 'it', text }]).in('there', `...${written}...`)).toHaveLength(1);
        }
      }
    }
  });

  it('stand in nothing that Corridor prints', () => {
    expect(evening.printed.join('')).toContain('policy_refused');
    expect(inAll(numbered(evening.printed))).toEqual([]);
  });

  it('stand in no answer, be it an error or not, and not in the record', () => {
    expect(inAll(numbered(evening.told))).toEqual([]);
  });

  it('stand in no metric and no trace', () => {
    const known = new Search(evening.runs.map((text) => ({ what: 'a run', text })));
    expect(evening.watched.map((text, index) => [index, inAll(numbered([text]), known).length > 0])).toEqual([
      [0, false],
      [1, false],
      [2, true], // traces name runs, metrics do not
    ]);
    expect(evening.watched[0]).toMatch(/^corridor_upstream_errors_total\{.*\} \d+$/m);
    expect(inAll(numbered(evening.watched))).toEqual([]);
  });

  it('stand in no table', () => {
    expect([...evening.left.tables.keys()]).toEqual(expect.arrayContaining(['entry', 'issuance', 'credential', 'run', 'api_key', 'work']));
    expect(inAll(evening.left.tables)).toEqual([]);
  });

  it('stand in no file of the data directory, but for the two that are for them', () => {
    expect(inAll(evening.left.files).filter((found) => !own.has(found))).toEqual([]);
  });
});
