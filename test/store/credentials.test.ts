import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import type { FactChange } from '../../src/issuance/fact-changes.js';
import { sealingContext, type SealedCredential } from '../../src/credentials/sealed-credential.js';
import { Sealer } from '../../src/credentials/sealer.js';
import { Secret } from '../../src/oauth/secret.js';
import type { Database } from '../../src/store/database.js';
import { SqlCredentials } from '../../src/store/sql-credentials.js';
import { databases } from './both-databases.js';
import { identifier, World } from './world.js';

/** AES-256-GCM under a key that lives as long as the test. */
class TestSealer extends Sealer {
  readonly #key = randomBytes(32);

  seal(context: string, secret: Secret): Uint8Array {
    const nonce = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', this.#key, nonce).setAAD(Buffer.from(context));
    const body = Buffer.concat([cipher.update(secret.reveal(), 'utf8'), cipher.final()]);
    return Buffer.concat([nonce, cipher.getAuthTag(), body]);
  }

  open(context: string, sealed: Uint8Array): Secret {
    const bytes = Buffer.from(sealed);
    const decipher = createDecipheriv('aes-256-gcm', this.#key, bytes.subarray(0, 12)).setAAD(Buffer.from(context));
    decipher.setAuthTag(bytes.subarray(12, 28));
    return new Secret(Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()]).toString());
  }
}

const sealer = new TestSealer();
const publicKey = { kty: 'EC', crv: 'P-256', x: 'AA', y: 'BB', kid: 'kid1', alg: 'ES256', use: 'sig' };

function secretVersion(client: string, text: string): SealedCredential {
  const id = identifier('cre');
  const sealed = sealer.seal(sealingContext(id), new Secret(text));
  return { id, client, method: 'client_secret_basic', issuer: 'https://as.example', key: null, sealed, keyedDigest: `digest of ${text}` };
}

function keyVersion(client: string, kid: string): SealedCredential {
  const id = identifier('cre');
  const sealed = sealer.seal(sealingContext(id), new Secret(JSON.stringify({ ...publicKey, d: 'private' })));
  const key = { kid, algorithm: 'ES256', publicKey: { ...publicKey, kid } };
  return { id, client, method: 'private_key_jwt', issuer: 'https://as.example', key, sealed, keyedDigest: null };
}

describe.each(databases)('credentials on %s', (_name, open) => {
  let database: Database;
  let world: World;
  let credentials: SqlCredentials;
  beforeAll(async () => {
    database = await open();
    credentials = new SqlCredentials(database, sealer);
  }, 60_000);
  afterAll(() => database.close());
  beforeEach(async () => {
    world = await World.empty(database);
  });

  async function change(created: readonly SealedCredential[], retired: readonly string[] = []): Promise<number> {
    const made: FactChange = { kind: 'credential.changed', credentials: { created, retired } };
    const changed = await world.change(made);
    if (changed.verdict !== 'applied') throw new Error('stale');
    return changed.at;
  }

  it('opens the secret in use of a client', async () => {
    const version = secretVersion('indexer', 'once upon a time');
    const at = await change([version]);
    const current = await credentials.current('indexer');
    expect(current).toEqual({
      id: version.id,
      client: 'indexer',
      createdAt: at,
      issuer: 'https://as.example',
      tokenEndpointOrigin: null,
      method: 'client_secret_basic',
      secret: expect.any(Secret) as Secret,
    });
    expect(current?.method === 'client_secret_basic' && current.secret.reveal()).toBe('once upon a time');
    expect(await credentials.current('nobody')).toBeNull();
  });

  it('opens the private half of a key, and shows the public one', async () => {
    await change([keyVersion('indexer', 'kid1')]);
    const current = await credentials.current('indexer');
    if (current?.method !== 'private_key_jwt') throw new Error();
    expect([current.kid, current.algorithm, current.publicKey]).toEqual(['kid1', 'ES256', publicKey]);
    expect(current.privateKey.reveal()).toContain('private');
  });

  it('gives the newest version that is not retired', async () => {
    const [first, second] = [secretVersion('indexer', 'one'), secretVersion('indexer', 'two')];
    await change([first]);
    await wait(2); // by the millisecond in which they were made
    await change([second]);
    expect((await credentials.current('indexer'))?.id).toBe(second.id);
    await change([], [second.id]);
    expect((await credentials.current('indexer'))?.id).toBe(first.id);
    await change([], [first.id]);
    expect(await credentials.current('indexer')).toBeNull();
  });

  it('cannot open what was moved to the row of another', async () => {
    const [mine, theirs] = [secretVersion('mine', 'mine'), secretVersion('theirs', 'theirs')];
    await change([mine, theirs]);
    await world.rows('update credential set sealed = (select sealed from credential where id = $2) where id = $1', mine.id, theirs.id);
    await expect(credentials.current('mine')).rejects.toThrow();
  });

  it('is bound to the first origin for good, whoever binds it', async () => {
    const version = secretVersion('indexer', 'one');
    await change([version]);
    const origins = Array.from({ length: 6 }, (_, i) => `https://as${i}.example`);
    const bound = await Promise.all(origins.map((origin) => credentials.bind(version.id, origin)));
    expect(new Set(bound).size).toBe(1);
    expect((await credentials.current('indexer'))?.tokenEndpointOrigin).toBe(bound[0]);
    await expect(credentials.bind('cre404', 'https://as.example')).rejects.toThrow();
  });

  it('lists the versions in use without opening one', async () => {
    const [secret, key, retired] = [secretVersion('billing', 'x'), keyVersion('indexer', 'kid1'), keyVersion('indexer', 'kid0')];
    await change([retired]);
    const at = await change([key], [retired.id]);
    const later = await change([secret]);
    const closed = new SqlCredentials(database, new TestSealer());
    expect(await closed.inUse()).toEqual([
      {
        id: secret.id,
        client: 'billing',
        method: 'client_secret_basic',
        issuer: 'https://as.example',
        tokenEndpointOrigin: null,
        key: null,
        keyedDigest: 'digest of x',
        state: 'current',
        createdAt: later,
      },
      {
        id: key.id,
        client: 'indexer',
        method: 'private_key_jwt',
        issuer: 'https://as.example',
        tokenEndpointOrigin: null,
        key: key.key,
        keyedDigest: null,
        state: 'current',
        createdAt: at,
      },
    ]);
  });

  it('gives the public keys of one client, and never a private member', async () => {
    const odd = keyVersion('indexer', 'kid2');
    await change([keyVersion('indexer', 'kid1')]);
    await change([{ ...odd, key: odd.key && { ...odd.key, publicKey: { ...publicKey, kid: 'kid2', d: 'private' } } }]);
    await change([keyVersion('other', 'kid3'), secretVersion('indexer', 'x')]);
    expect(await credentials.keysOf('indexer')).toEqual([
      { kid: 'kid2', algorithm: 'ES256', publicKey: { ...publicKey, kid: 'kid2' } },
      { kid: 'kid1', algorithm: 'ES256', publicKey },
    ]);
    expect(await world.rows(`select from credential where public_key::text like '%private%'`)).toEqual([]);
  });
});
