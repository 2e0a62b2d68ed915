import { setImmediate as passed } from 'node:timers/promises';
import { LogUnavailable, EntryLog, type Append, type Appended } from '../../src/attribution/entry-log.js';
import { EntryMaker } from '../../src/attribution/entry.js';
import { emptyCatalogue } from '../../src/catalogue/catalogue.js';
import { Sealer } from '../../src/credentials/sealer.js';
import { Circuits } from '../../src/issuance/circuits.js';
import { IssuanceStore, type DueRevocation, type WhichClients } from '../../src/issuance/issuance-store.js';
import { RevokeDue } from '../../src/issuance/revoke-due.js';
import { RevokeToken } from '../../src/issuance/revoke-token.js';
import { Secret } from '../../src/oauth/secret.js';
import { MetadataCache } from '../../src/upstreams/metadata-cache.js';
import { UpstreamExchangeFailed, type UpstreamRequest, type UpstreamResponse } from '../../src/upstreams/upstream-http.js';
import { response } from '../upstreams/answers.js';
import { KeptPins } from '../upstreams/kept-pins.js';
import { ScriptedHttp } from '../upstreams/scripted-http.js';
import { client, secretCredential, server, signing, SteppedClock } from '../upstreams/wish.js';

type Name = 'dead' | 'living';

/** What is to be revoked, in memory: the verdicts of the record take it away. */
class DueRows extends IssuanceStore {
  readonly rows = new Map<string, { readonly due: DueRevocation; at: number }>();

  constructor(private readonly clock: SteppedClock) {
    super();
  }

  override async takeDueRevocations(limit: number, againIn: number, clients: WhichClients = { but: [] }) {
    const now = this.clock.now();
    const isAsked = ({ client: own }: DueRevocation): boolean => ('only' in clients ? own === clients.only : !clients.but.includes(own));
    const taken = [...this.rows.values()].filter(({ due, at }) => at <= now && isAsked(due)).slice(0, limit);
    for (const row of taken) row.at = now + againIn;
    return taken.map(({ due }) => due);
  }
  postpone(issuance: string, dueIn: number): void {
    const row = this.rows.get(issuance);
    if (row !== undefined) row.at = this.clock.now() + dueIn;
  }
  override expiredUnrevoked = () => Promise.resolve([]);
  override openPastDeadline = () => Promise.resolve([]);
  override openOfEarlierInstances = () => Promise.resolve([]);
  override live = () => Promise.resolve([]);
  override liveOfText = () => Promise.resolve(null);
  override withdrawServed = () => Promise.resolve([]);
  override wipeDead = () => Promise.resolve(0);
}

class Revocations extends EntryLog {
  readonly revoked: string[] = [];
  readonly unsupported: string[] = [];
  isDown = false;

  constructor(private readonly store: DueRows) {
    super();
  }

  override async append(items: readonly Append[]): Promise<readonly Appended[]> {
    if (this.isDown) throw new LogUnavailable('the database is down');
    for (const { effect, entry } of items) {
      if (effect?.kind !== 'revocation') continue;
      this.store.rows.delete(effect.issuance);
      if (effect.state === 'revoked') this.revoked.push(effect.issuance);
      else this.unsupported.push(`${effect.issuance} ${(JSON.parse(entry.text) as { fault?: string }).fault}`);
    }
    return items.map(() => ({ verdict: 'recorded', at: 0 }));
  }
}

class OpenSealer extends Sealer {
  override seal = (_context: string, secret: Secret): Uint8Array => Buffer.from(secret.reveal());
  override open = (_context: string, sealed: Uint8Array): Secret => new Secret(Buffer.from(sealed).toString());
}

/** As whom a request authenticates. */
const nameOf = (request: UpstreamRequest | undefined): string =>
  Buffer.from((request?.headers['authorization'] ?? '').replace('Basic ', ''), 'base64')
    .toString()
    .split(':')[0] ?? '';

const issuerOf = (name: string): string => `https://${name}.example`;

/** Two servers with a client each, of which one answers as the test says. */
function world(dead: () => Promise<UpstreamResponse>) {
  const clock = new SteppedClock();
  const means = signing(clock);
  const names = ['dead', 'living'] as const;
  const http = new ScriptedHttp();
  for (const name of names) {
    const issuer = issuerOf(name);
    const document = { issuer, token_endpoint: `${issuer}/token`, revocation_endpoint: `${issuer}/revoke` };
    http.answers[`${issuer}/.well-known/oauth-authorization-server`] = response(200, JSON.stringify(document));
  }
  http.answers[`${issuerOf('dead')}/revoke`] = dead;
  http.answers[`${issuerOf('living')}/revoke`] = response(200, '');
  const catalogue = {
    ...emptyCatalogue,
    authorizationServers: Object.fromEntries(names.map((id) => [id, server({ id, issuer: issuerOf(id) })])),
    clients: Object.fromEntries(names.map((id) => [id, client({ id, authorizationServer: id })])),
  };
  const epoch = { incarnation: 'inc1', number: 1 };
  const facts = { epoch, catalogue, suspensions: [], keys: [], pins: [], policyRevision: null };
  const credentials = {
    current: (id: string) =>
      Promise.resolve(secretCredential('x', { id: `cre ${id}`, client: id, issuer: issuerOf(id), tokenEndpointOrigin: issuerOf(id) })),
    other: () => Promise.resolve(null),
    issuerOf: (credential: string) => Promise.resolve(issuerOf(credential.replace('cre ', ''))),
    bind: (_: string, origin: string) => Promise.resolve(origin),
  };
  const store = new DueRows(clock);
  const log = new Revocations(store);
  const faults: unknown[] = [];
  const revokeDue = new RevokeDue(
    { current: () => Promise.resolve(facts), latest: () => Promise.resolve(facts) },
    store,
    credentials,
    new MetadataCache(http, clock, new KeptPins()),
    new RevokeToken(http, means, new Circuits(clock, { bytes: (length) => new Uint8Array(length) })),
    new OpenSealer(),
    log,
    new EntryMaker('ins1', clock, means.randomness),
    { failed: async ({ subject }, _why, atLeast = 0) => store.postpone(subject, Math.max(2_000, atLeast)) },
    { write: (error) => void faults.push(error) },
    clock,
  );
  const add = (name: Name, count: number, clientId = client().clientId): void => {
    for (let number = 0; number < count; number++) {
      const issuance = clientId === client().clientId ? `${name} ${number}` : `${name} ${clientId} ${number}`;
      const who = {
        issuance,
        run: 'run1',
        workflow: 'nightly-index',
        client: name,
        clientId,
        authorizationServer: name,
        resource: 'crm',
      };
      const token = { sealed: Buffer.from(issuance), tokenSha256: issuance, tokenJti: null, expiresAt: clock.at + 3_600_000 };
      store.rows.set(issuance, { due: { ...who, credential: `cre ${name}`, ...token, attempts: 1 }, at: clock.at });
    }
  };
  const sentTo = (name: Name): number => http.urls.filter((url) => url === `${issuerOf(name)}/revoke`).length;
  /** As the work loop does. */
  const sweep = async (): Promise<void> => {
    while (await revokeDue.turn());
    await passed();
  };
  return { catalogue, clock, http, store, log, faults, revokeDue, add, sentTo, sweep };
}

describe('revocations that are due', () => {
  it('at one server wait for no other, however dead that is', async () => {
    let giveUp: () => void = () => undefined;
    const given = new Promise<void>((resolve) => (giveUp = resolve));
    const { log, revokeDue, add, sentTo, sweep } = world(async () => {
      await given;
      throw new UpstreamExchangeFailed('timeout', true);
    });
    add('dead', 30);
    add('living', 1);
    await sweep();
    expect(log.revoked).toEqual(['living 0']);
    // what comes to be due later is begun too
    add('living', 1);
    await sweep();
    expect(log.revoked).toEqual(['living 0', 'living 0']);
    expect(sentTo('dead')).toBe(20);
    giveUp();
    await revokeDue.settled();
  });

  it('are all made at a server that answers, more than are taken at once', async () => {
    const { log, revokeDue, add, sweep } = world(async () => response(200, ''));
    add('dead', 50);
    add('living', 50);
    await sweep();
    await revokeDue.settled();
    expect(log.revoked).toHaveLength(100);
  });

  it('leave a server alone for as long as it says, all of them, and are made then', async () => {
    let answer = response(503, '', { 'retry-after': '60' });
    const { clock, log, revokeDue, add, sentTo, sweep } = world(async () => answer);
    add('dead', 40);
    await sweep();
    await revokeDue.settled();
    const sent = sentTo('dead');
    expect(sent).toBeLessThanOrEqual(20);
    for (let second = 0; second < 59; second++) {
      clock.at += 1_000;
      await sweep();
    }
    expect(sentTo('dead')).toBe(sent);
    answer = response(200, '');
    for (let second = 0; second < 20; second++) {
      clock.at += 1_000;
      await sweep();
    }
    await revokeDue.settled();
    expect(log.revoked).toHaveLength(40);
  });

  it.each([
    [401, { error: 'invalid_client' }],
    [403, {}],
    [404, {}],
    [400, { error: 'invalid_request' }],
    [302, {}],
  ])('are made all the same after an answer of %i %j, once the server is as it should be (A90, A91)', async (status, body) => {
    let answer = response(status, JSON.stringify(body));
    const { clock, log, revokeDue, add, sweep } = world(async () => answer);
    add('dead', 1);
    await sweep();
    await revokeDue.settled();
    expect([log.revoked, log.unsupported]).toEqual([[], []]);
    answer = response(200, '');
    clock.at += 2_000;
    await sweep();
    await revokeDue.settled();
    expect(log.revoked).toEqual(['dead 0']);
  });

  it('end where the server says that it cannot, and nowhere else (A91)', async () => {
    const { log, revokeDue, add, sweep } = world(async () => response(400, '{"error":"unsupported_token_type"}'));
    add('dead', 1);
    await sweep();
    await revokeDue.settled();
    expect(log.unsupported).toEqual(['dead 0 undefined']);
  });

  it('probe a server that is down, one at a time, and do not batter it', async () => {
    const { clock, revokeDue, add, sentTo, sweep } = world(async () => {
      throw new UpstreamExchangeFailed('unreachable', false);
    });
    add('dead', 200);
    await sweep();
    await revokeDue.settled();
    const sent = sentTo('dead');
    for (let half = 0; half < 240; half++) {
      clock.at += 500;
      await sweep();
    }
    // after pauses of 1, 2, 4, 8, 16, 30, 30 and 30 seconds
    expect(sentTo('dead') - sent).toBeGreaterThanOrEqual(6);
    expect(sentTo('dead') - sent).toBeLessThanOrEqual(8);
  });

  it('of what another issuer issued are not sent to the server that is declared in its place, nor taken for done', async () => {
    const { store, log, revokeDue, add, sentTo, sweep } = world(async () => response(200, ''));
    add('living', 1);
    const row = store.rows.get('living 0');
    if (row !== undefined) store.rows.set('living 0', { ...row, due: { ...row.due, credential: 'cre former' } });
    await sweep();
    await revokeDue.settled();
    expect([sentTo('living'), log.revoked, log.unsupported]).toEqual([0, [], ['living 0 credential_bound_elsewhere']]);
  });

  it('are over where the catalogue has them made at an endpoint to which the credential is never shown', async () => {
    const { catalogue, http, log, revokeDue, add, sweep } = world(async () => response(200, ''));
    const there = 'https://elsewhere.example/revoke';
    http.answers[there] = response(200, '');
    const { living } = catalogue.authorizationServers;
    if (living !== undefined) catalogue.authorizationServers['living'] = { ...living, revocationEndpoint: there };
    add('living', 1);
    await sweep();
    await revokeDue.settled();
    expect([http.urls.includes(there), log.revoked, log.unsupported]).toEqual([false, [], ['living 0 credential_bound_elsewhere']]);
  });

  it('are asked for in the name that the client had when the token came (RFC 7009 §2.1)', async () => {
    const { http, log, revokeDue, add, sweep } = world(async () => response(200, ''));
    add('living', 1, 'of-old');
    await sweep();
    await revokeDue.settled();
    expect(http.requests.map(nameOf).filter(Boolean)).toEqual(['of-old']);
    expect(log.revoked).toEqual(['living of-old 0']);
  });

  it('that are refused to a name of before keep nothing else of the client from being revoked', async () => {
    const headers = { 'content-type': 'application/json', 'retry-after': '60' };
    const refused = response(401, JSON.stringify({ error: 'invalid_client' }), headers);
    const made = world(async () => (nameOf(made.http.requests.at(-1)) === 'of-old' ? refused : response(200, '')));
    const { log, add, sweep } = made;
    add('dead', 10, 'of-old');
    await sweep();
    add('dead', 3);
    await sweep();
    expect(log.revoked).toEqual(['dead 0', 'dead 1', 'dead 2']);
  });

  it('that cannot be recorded are an alarm, and are taken up again', async () => {
    const { clock, log, faults, revokeDue, add, sweep } = world(async () => response(200, ''));
    add('living', 1);
    log.isDown = true;
    await sweep();
    await revokeDue.settled();
    expect(faults).toEqual([expect.any(LogUnavailable)]);
    log.isDown = false;
    clock.at += 31_000;
    await sweep();
    await revokeDue.settled();
    expect(log.revoked).toEqual(['living 0']);
  });
});
