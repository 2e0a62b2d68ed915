import { randomBytes } from 'node:crypto';
import { EntryMaker } from '../../src/attribution/entry.js';
import { ApproveMetadata } from '../../src/issuance/approve-metadata.js';
import { ChangeFacts } from '../../src/issuance/change-facts.js';
import type { FactChange } from '../../src/issuance/fact-changes.js';
import { PinMetadata } from '../../src/issuance/pin-metadata.js';
import { RefreshMetadata } from '../../src/issuance/refresh-metadata.js';
import type { Database } from '../../src/store/database.js';
import { SqlFactChanges } from '../../src/store/sql-fact-changes.js';
import { SqlFacts } from '../../src/store/sql-facts.js';
import { SqlMetadataWatch } from '../../src/store/sql-metadata-watch.js';
import type { FoundDocument } from '../../src/upstreams/discovery.js';
import { MetadataCache } from '../../src/upstreams/metadata-cache.js';
import { documentDigest, documentShape } from '../../src/upstreams/server-document.js';
import { response } from '../upstreams/answers.js';
import { ScriptedHttp } from '../upstreams/scripted-http.js';
import { databases } from './both-databases.js';
import { catalogueChange } from './fact-change-samples.js';
import { World } from './world.js';

const issuer = 'https://as.example';
const server = { authorizationServer: 'demo', issuer };

function found(path: string): FoundDocument & { digest: string } {
  const document = documentShape.parse({ issuer, token_endpoint: `${issuer}/${path}`, mtls_endpoint_aliases: { token_endpoint: issuer } });
  return { location: `${issuer}/.well-known/x`, document, digest: documentDigest(document) };
}

function pinning(
  kind: 'metadata.pinned' | 'metadata.changed' | 'metadata.approved',
  path: string,
  approvedBy: string | null = null,
): FactChange {
  return { kind, pin: { ...server, ...found(path), approvedBy } };
}

describe.each(databases)('the metadata of servers on %s', (_name, open) => {
  let database: Database;
  let world: World;
  let watch: SqlMetadataWatch;
  beforeAll(async () => {
    database = await open();
  }, 60_000);
  afterAll(() => database.close());
  beforeEach(async () => {
    world = await World.empty(database);
    watch = new SqlMetadataWatch(database);
  });

  const offer = (path: string) => watch.note(server, { kind: 'offered', document: found(path), digest: found(path).digest });

  it('is a fact, of one server and issuer, and an approval puts another in its place (A74)', async () => {
    await world.change(pinning('metadata.pinned', 'a'));
    await world.change({ kind: 'metadata.pinned', pin: { ...server, issuer: 'https://second.example', ...found('b'), approvedBy: null } });
    const { pins } = await world.facts.latest();
    expect(pins).toEqual([
      { ...server, ...found('a'), approvedBy: null, pinnedAt: expect.any(Number) as number },
      expect.objectContaining({ issuer: 'https://second.example', digest: found('b').digest }),
    ]);
    await world.change(pinning('metadata.approved', 'c', 'ada'));
    expect((await world.facts.latest()).pins[0]).toMatchObject({ digest: found('c').digest, approvedBy: 'ada' });
  });

  it('is offered anew once for each document, since when it was seen first, and used by nobody', async () => {
    await world.change(pinning('metadata.pinned', 'a'));
    const before = (await world.facts.latest()).epoch;
    expect(await offer('b')).toBe(true);
    const [first] = await watch.all();
    expect(first).toMatchObject({ ...server, fault: null, offered: { ...found('b'), since: expect.any(Number) as number } });
    expect(await offer('b')).toBe(false);
    expect((await watch.all())[0]?.offered).toEqual(first?.offered);
    expect(await offer('c')).toBe(true);
    expect((await watch.all())[0]?.offered?.digest).toBe(found('c').digest);
    expect(await watch.note(server, { kind: 'failed', fault: 'timeout' })).toBe(false);
    expect((await watch.all())[0]).toMatchObject({ fault: 'timeout', offered: { digest: found('c').digest } });
    expect(await watch.note(server, { kind: 'nothing_held' })).toBe(false);
    expect((await watch.all())[0]).toMatchObject({ fault: null, offered: null });
    expect((await world.facts.latest()).epoch).toEqual(before);
  });

  it('waits no longer when it was approved, and what was offered meanwhile still does', async () => {
    await world.change(pinning('metadata.pinned', 'a'));
    await offer('b');
    await world.change(pinning('metadata.approved', 'b', 'ada'));
    expect((await watch.all())[0]?.offered).toBeNull();
    expect(await offer('b')).toBe(false);
    expect((await watch.all())[0]?.offered).toBeNull();
    await offer('c');
    await world.change(pinning('metadata.approved', 'd', 'ada'));
    expect((await watch.all())[0]?.offered?.digest).toBe(found('c').digest);
  });

  it('is read anew by one of many, and not before its time', async () => {
    await world.change(pinning('metadata.pinned', 'a'));
    expect(await watch.takeDue(60_000, 10)).toEqual([]);
    await world.rows(`update server_metadata set tried_at = tried_at - interval '61 s'`);
    const taken = await Promise.all(Array.from({ length: 5 }, () => watch.takeDue(60_000, 10)));
    expect(taken.flat()).toEqual([server]);
  });

  it('knows nothing of a server of which nothing is kept', async () => {
    expect(await offer('b')).toBe(false);
    expect(await watch.all()).toEqual([]);
  });

  describe('when it is kept up', () => {
    const known = 'http://127.0.0.1:9400';
    const location = `${known}/.well-known/oauth-authorization-server`;
    const demo = { ...server, issuer: known };
    const published = (members: Readonly<Record<string, unknown>> = {}) =>
      response(200, JSON.stringify({ issuer: known, token_endpoint: `${known}/token`, ...members }));
    const clock = { now: () => Date.now() };
    const randomness = { bytes: (length: number) => randomBytes(length) };
    const entries = new EntryMaker('ins-test', clock, randomness);

    /** What one process does with the metadata of the one server of the catalogue. */
    function replica(http: ScriptedHttp) {
      const facts = new SqlFacts(database);
      const changeFacts = new ChangeFacts(facts, new SqlFactChanges(database), clock, randomness);
      return {
        cache: new MetadataCache(http, clock, new PinMetadata(facts, changeFacts, entries)),
        facts,
        refresh: new RefreshMetadata(facts, changeFacts, watch, http, entries, clock),
        approve: new ApproveMetadata(changeFacts, watch, entries),
        server: async () => {
          const found = (await facts.latest()).catalogue.authorizationServers['demo'];
          if (found === undefined) throw new TypeError();
          return found;
        },
      };
    }
    const typesOf = async () =>
      (await world.rows(`select type from entry where type like 'metadata.%' order by number`)).map(({ type }) => type);
    const makeDue = () => world.rows(`update server_metadata set tried_at = tried_at - interval '1 hour'`);

    it('is what the first of several processes read, for all of them, with one entry', async () => {
      await world.change(catalogueChange());
      const replicas = ['a', 'b', 'c'].map((path) =>
        replica(new ScriptedHttp({ [location]: published({ token_endpoint: `${known}/${path}` }) })),
      );
      const used = await Promise.all(replicas.map(async ({ cache, server: which }) => (await cache.get(await which())).tokenEndpoint));
      expect(new Set(used).size).toBe(1);
      expect(await typesOf()).toEqual(['metadata.pinned']);
    });

    it('is read in the background when it is due, and told of once for each document that is offered (A74)', async () => {
      await world.change(catalogueChange());
      const http = new ScriptedHttp({ [location]: published() });
      const { cache, refresh, server: which } = replica(http);
      await cache.get(await which());
      http.answers[location] = published({ token_endpoint: `${known}/moved` });
      expect(await refresh.turn()).toEqual([]);
      await makeDue();
      const moved = [{ field: 'token_endpoint', used: `${known}/token`, offered: `${known}/moved` }];
      expect(await refresh.turn()).toEqual([{ authorizationServer: 'demo', moved }]);
      await makeDue();
      expect(await refresh.turn()).toEqual([]);
      expect((await cache.get(await which())).tokenEndpoint).toBe(`${known}/token`);
      http.answers[location] = response(503, '');
      await makeDue();
      expect(await refresh.turn()).toEqual([]);
      expect((await watch.all())[0]).toMatchObject({ ...demo, fault: 'server_unavailable', offered: { location } });
      expect(await typesOf()).toEqual(['metadata.pinned']);
    });

    it('is another for every process from the approval on, and is an object of its own only when it is another', async () => {
      await world.change(catalogueChange());
      const http = new ScriptedHttp({ [location]: published() });
      const [one, other] = [replica(http), replica(http)];
      const before = await other.cache.get(await other.server());
      expect(await other.cache.get(await other.server())).toBe(before);
      http.answers[location] = published({ token_endpoint: `${known}/moved` });
      await one.refresh.refresh('demo');
      await one.approve.approve('demo', (await watch.all())[0]?.offered?.digest ?? '', 'ada');
      await other.facts.latest();
      expect((await other.cache.get(await other.server())).tokenEndpoint).toBe(`${known}/moved`);
      expect(await typesOf()).toEqual(['metadata.pinned', 'metadata.approved']);
    });
  });
});
