import type { FactChange } from '../../src/issuance/fact-changes.js';
import type { Database } from '../../src/store/database.js';
import { SqlMetadataWatch } from '../../src/store/sql-metadata-watch.js';
import type { FoundDocument } from '../../src/upstreams/discovery.js';
import { documentDigest, documentShape } from '../../src/upstreams/server-document.js';
import { databases } from './both-databases.js';
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
});
