import { z } from 'zod';
import { EntryMaker } from '../../src/attribution/entry.js';
import { EntryLog, type Append, type Appended, type Verdict } from '../../src/attribution/entry-log.js';
import { emptyCatalogue } from '../../src/catalogue/catalogue.js';
import { Sealer } from '../../src/credentials/sealer.js';
import type { Allowed } from '../../src/issuance/decided.js';
import type { Context } from '../../src/issuance/context.js';
import { MintToken, type Minting } from '../../src/issuance/mint-token.js';
import { prepareRelease } from '../../src/issuance/release-token.js';
import { RevokeToken } from '../../src/issuance/revoke-token.js';
import { AuthorizationDetails } from '../../src/oauth/authorization-details.js';
import { Scope } from '../../src/oauth/scope.js';
import { Secret } from '../../src/oauth/secret.js';
import type { Run } from '../../src/runs/run.js';
import type { UpstreamResponse } from '../../src/upstreams/upstream-http.js';
import { jwt, response, success } from '../upstreams/answers.js';
import { ScriptedHttp } from '../upstreams/scripted-http.js';
import { client, ISSUER, metadata, NOW, resource, server, signing, SteppedClock, wishByKey } from '../upstreams/wish.js';
import { MemoryLog } from '../rig/memory-log.js';

/** Keeps what it is given, and finds it all in order unless the test says otherwise. */
class KeptLog extends EntryLog {
  readonly kept: Append[] = [];
  readonly verdicts: Verdict[] = [];

  override async append(items: readonly Append[]): Promise<readonly Appended[]> {
    this.kept.push(...items);
    return items.map(() => ({ verdict: this.verdicts.shift() ?? 'recorded', at: NOW }));
  }

  /** Each attempt by the identifier of its assertion, and each outcome by what it says. */
  story(): string[] {
    const said = z.looseObject({ fault: z.string().optional(), token: z.looseObject({ binding: z.string() }).optional() });
    return this.kept.map(({ entry }) => {
      const { fault, token } = said.parse(JSON.parse(entry.text));
      return [entry.type, fault, token?.binding].filter((word) => word !== undefined).join(' ');
    });
  }
}

class NoSealer extends Sealer {
  seal(): Uint8Array {
    return Buffer.from('sealed');
  }
  open(): Secret {
    throw new Error('nothing is opened here');
  }
}

const wanting = response(400, '{"error":"use_dpop_nonce"}', { 'dpop-nonce': 'nonce' });

/** A request for a bound token at a server that answers so, by how often it was asked and by the thumbprint of the key. */
async function world(answer: (asked: number, thumbprint: string) => UpstreamResponse) {
  const clock = new SteppedClock();
  const means = signing(clock);
  const log = new KeptLog();
  const proofKey = await means.proofs.keyFor('crekeyES256', null);
  const http: ScriptedHttp = new ScriptedHttp({ [`${ISSUER}/token`]: async () => answer(http.requests.length, proofKey.thumbprint) });
  const entries = new EntryMaker('ins1', clock, means.randomness);
  const held = new MemoryLog(clock, () => ({ incarnation: 'inc1', number: 1 }), new Map()).store;
  const mintToken = new MintToken(
    http,
    means,
    new NoSealer(),
    new RevokeToken(http, means),
    held,
    log,
    entries,
    clock,
    means.randomness,
    'ins1',
  );
  const wish = await wishByKey({ server: server({ senderConstraint: 'dpop' }), proofKey });
  const minting: Minting = { ...requestOf(wish.scope), wish, metadata: metadata(), cacheKey: 'key', cause: null };
  return { http, log, entries, mintToken, minting };
}

function requestOf(scope: Scope): { context: Context; allowed: Allowed } {
  const credential = { id: 'crd1', method: 'client_secret', secretSha256: '' } as const;
  const agent = { name: 'indexer', version: '1', model: 'none' };
  const times = { startedAt: NOW, expiresAt: NOW + 900_000, endedAt: null };
  const who = { id: 'run1', runtime: 'ci', workflow: 'nightly-index', purpose: 'search-indexing' };
  const run: Run = { ...who, operator: null, agent, ancestors: [], credential, ...times };
  const epoch = { incarnation: 'inc1', number: 1 };
  const facts = { epoch, catalogue: emptyCatalogue, suspensions: [], keys: [], pins: [], policyRevision: null };
  const workflow = { id: 'nightly-index', owner: 'team', purposes: [], maxRunTtl: 900, labels: {} };
  const admitted = { resource: resource(), server: server(), parties: [{ run, workflow, client: client() }] } as const;
  const answer = { id: 'dec1', by: 'policy', revision: null, inputSha256: null, allow: true } as const;
  const decision = { ...answer, reasons: [], obligations: {}, failure: false, repeatable: true };
  return {
    context: {
      ...{
        facts,
        run,
        asked: { scope, details: AuthorizationDetails.none, resources: [], traceparent: null },
        traceparent: null,
        requestedScope: scope,
        requestedDetails: AuthorizationDetails.none,
        resource: resource(),
        resourceAsked: null,
      },
      outcome: { kind: 'admitted', admitted },
    },
    allowed: {
      kind: 'allowed',
      decision,
      admitted,
      scope,
      details: AuthorizationDetails.none,
      maxTtl: 300,
      isolation: 'run',
      counters: [],
      input: null,
    },
  };
}

function identifiers({ kept }: KeptLog): unknown[] {
  return kept.flatMap(({ effect }) => (effect?.kind === 'intent' ? [effect.assertionJti] : []));
}

describe('a token that is to be bound to a key', () => {
  it('is asked for once more when the server wants a nonce, with an intent and an assertion of its own (A33)', async () => {
    const bound = (jkt: string) => success({ token_type: 'DPoP', access_token: jwt({ cnf: { jkt } }) });
    const { log, mintToken, minting } = await world((asked, thumbprint) => (asked === 1 ? wanting : bound(thumbprint)));
    const minted = await mintToken.mint(minting);
    expect(minted).toMatchObject({ kind: 'live', answer: null, live: { token: { type: 'DPoP', binding: 'dpop' } } });
    expect(log.story()).toEqual(['token.requested', 'token.failed nonce_required', 'token.requested', 'token.issued dpop']);
    expect(new Set(identifiers(log)).size).toBe(2);
  });

  it('is given up when the server wants a nonce again and again: two requests, and each has its outcome (A33)', async () => {
    const { http, log, mintToken, minting } = await world(() => wanting);
    expect(await mintToken.mint(minting)).toMatchObject({ kind: 'faulted', by: 'failed', fault: 'nonce_required' });
    expect(http.requests).toHaveLength(2);
    expect(log.story()).toEqual(['token.requested', 'token.failed nonce_required', 'token.requested', 'token.failed nonce_required']);
  });

  it('is not asked for again when that cannot be recorded as it was decided', async () => {
    const { http, log, mintToken, minting } = await world(() => wanting);
    log.verdicts.push('recorded', 'recorded', 'counters_moved');
    expect(await mintToken.mint(minting)).toMatchObject({ kind: 'faulted', fault: 'nonce_required' });
    expect(http.requests).toHaveLength(1);
  });

  it('is refused when it is none (A35)', async () => {
    const { log, mintToken, minting } = await world(() => success({ token_type: 'Bearer' }));
    expect(await mintToken.mint(minting)).toMatchObject({ kind: 'faulted', by: 'refused', fault: 'token_type_unusable' });
    expect(log.story()).toEqual(['token.requested', 'token.refused token_type_unusable unverified']);
    expect(log.kept[1]?.effect).toMatchObject({ state: 'refused', token: { sealed: Buffer.from('sealed') } });
  });

  it('is handed to nobody, whoever asks (D6)', async () => {
    const { entries, mintToken, minting } = await world(() => success({ token_type: 'DPoP' }));
    const minted = await mintToken.mint(minting);
    if (minted.kind !== 'live') throw new Error('there is no token');
    expect(() => prepareRelease(minting.context, minting.allowed, minted.live, true, entries)).toThrow('must not be handed out');
  });
});
