import { z } from 'zod';
import { EntryMaker } from '../../src/attribution/entry.js';
import { EntryLog, LogUnavailable, type Append, type Appended, type Verdict } from '../../src/attribution/entry-log.js';
import { emptyCatalogue } from '../../src/catalogue/catalogue.js';
import { Sealer } from '../../src/credentials/sealer.js';
import type { Context } from '../../src/issuance/context.js';
import { Circuits } from '../../src/issuance/circuits.js';
import type { Allowed } from '../../src/issuance/decided.js';
import { LearnAudience } from '../../src/issuance/learn-audience.js';
import { MintToken, type Minting } from '../../src/issuance/mint-token.js';
import { RevokeToken } from '../../src/issuance/revoke-token.js';
import { AuthorizationDetails } from '../../src/oauth/authorization-details.js';
import { Secret } from '../../src/oauth/secret.js';
import type { Run } from '../../src/runs/run.js';
import type { Signing } from '../../src/upstreams/client-assertion.js';
import type { ServerMetadata } from '../../src/upstreams/metadata.js';
import type { TokenWish } from '../../src/upstreams/token.js';
import type { UpstreamHttp } from '../../src/upstreams/upstream-http.js';
import { MemoryLog } from '../rig/memory-log.js';
import { client, NOW } from '../upstreams/wish.js';

/** Keeps what it is given, and finds it all in order unless the test says otherwise. */
export class KeptLog extends EntryLog {
  readonly kept: Append[] = [];
  readonly verdicts: Verdict[] = [];
  /** The call, counted from 1, from which on there is no database. */
  failsFrom = Infinity;
  /** Whether a call that took what it was given says so. */
  answers: (call: number) => boolean = () => true;
  #calls = 0;

  override async append(items: readonly Append[]): Promise<readonly Appended[]> {
    if (++this.#calls >= this.failsFrom) throw new LogUnavailable('the database is down');
    this.kept.push(...items);
    if (!this.answers(this.#calls)) throw new LogUnavailable('the answer is lost');
    return items.map(() => ({ verdict: this.verdicts.shift() ?? 'recorded', at: NOW }));
  }

  /** Each attempt, and each outcome by what it says. */
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

/** What mints at this server, and the record of it. */
export function minter(http: UpstreamHttp, means: Signing): { mintToken: MintToken; log: KeptLog; entries: EntryMaker } {
  const { clock, randomness } = means;
  const log = new KeptLog();
  const entries = new EntryMaker('ins1', clock, randomness);
  const held = new MemoryLog(clock, () => ({ incarnation: 'inc1', number: 1 }), new Map()).store;
  const besideTokens = new Circuits(clock, randomness);
  const revokeToken = new RevokeToken(http, means, besideTokens);
  const learn = new LearnAudience(http, means, besideTokens);
  const mintToken = new MintToken(http, means, new NoSealer(), revokeToken, learn, held, log, entries, clock, randomness, 'ins1');
  return { mintToken, log, entries };
}

/** A wish of a run that is allowed. */
export function mintingOf(wish: TokenWish, metadata: ServerMetadata): Minting {
  return { ...requestOf(wish), wish, metadata, cacheKey: 'key', cause: null };
}

function requestOf({ scope, resource, server }: TokenWish): { context: Context; allowed: Allowed } {
  const credential = { id: 'crd1', method: 'client_secret', secretSha256: '' } as const;
  const agent = { name: 'indexer', version: '1', model: 'none' };
  const times = { startedAt: NOW, expiresAt: NOW + 900_000, endedAt: null };
  const who = { id: 'run1', runtime: 'ci', workflow: 'nightly-index', purpose: 'search-indexing' };
  const run: Run = { ...who, operator: null, agent, ancestors: [], credential, ...times };
  const epoch = { incarnation: 'inc1', number: 1 };
  const facts = { epoch, catalogue: emptyCatalogue, suspensions: [], keys: [], pins: [], policyRevision: null };
  const workflow = { id: 'nightly-index', owner: 'team', purposes: [], maxRunTtl: 900, labels: {} };
  const admitted = { resource, server, parties: [{ run, workflow, client: client() }] } as const;
  const answer = { id: 'dec1', by: 'policy', revision: null, inputSha256: null, allow: true } as const;
  const decision = { ...answer, reasons: [], obligations: {}, failure: false, repeatable: true };
  return {
    context: {
      facts,
      run,
      asked: { scope, details: AuthorizationDetails.none, resources: [], traceparent: null },
      traceparent: null,
      requestedScope: scope,
      requestedDetails: AuthorizationDetails.none,
      resource,
      resourceAsked: null,
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
