import type { PublicJwk, WorkloadIdentity } from '../catalogue/workload-identity.js';
import type { Clock } from '../oauth/clock.js';
import { fetchIssuerKeys } from './issuer-jwks.js';
import { isKeyFor } from './key-algorithms.js';
import type { UpstreamHttp } from './upstream-http.js';

/** Milliseconds. */
const DEADLINE = 3_000;
const COOL_DOWN = 10_000;
/** After this the keys are fetched anew, while those that are known still serve. */
const FRESH = 300_000;
/** After this nobody is served before they were: a key that its issuer withdrew is used no longer, while the issuer can be reached. */
const OLD = 600_000;
/** And no longer than this when it cannot. */
const KEPT = 3_600_000;
const REMEMBERED = 64;

interface KnownKeys {
  keys: readonly PublicJwk[] | null;
  /** Milliseconds since 1970. */
  fetchedAt: number;
  triedAt: number;
  fetching: Promise<void> | null;
}

/**
 * The keys of the issuers of workloads, by the whole definition of each: one that the catalogue defines anew is read anew, and no key
 * is ever looked for under another issuer. A `kid` that is unknown may be a new key, so it makes the keys be fetched, at most once per
 * cool-down whatever came of it; a fetch that brings none leaves the known ones as they are (CONFORMANCE B39).
 */
export class IssuerKeyCache {
  readonly #known = new Map<string, KnownKeys>();

  constructor(
    private readonly http: UpstreamHttp,
    private readonly clock: Clock,
  ) {}

  /** Those of this issuer that fit the algorithm and the `kid`; null when none of its keys are known. */
  async candidates(identity: WorkloadIdentity, kid: string | null, algorithm: string): Promise<readonly PublicJwk[] | null> {
    const known = this.#of(identity);
    const age = this.clock.now() - known.fetchedAt;
    if (known.keys === null || age > OLD) await this.#fetch(known, identity);
    else if (age > FRESH) void this.#fetch(known, identity).catch(() => undefined); // whoever waits for one is told
    let found = select(this.#usable(known), kid, algorithm);
    if (found?.length === 0 && identity.keys.kind !== 'inline') {
      await this.#fetch(known, identity);
      found = select(this.#usable(known), kid, algorithm);
    }
    return found;
  }

  #usable(known: KnownKeys): readonly PublicJwk[] | null {
    return this.clock.now() - known.fetchedAt > KEPT ? null : known.keys;
  }

  /** Whoever comes while one fetches waits for it; whoever comes soon after has to do with what there is. */
  async #fetch(known: KnownKeys, identity: WorkloadIdentity): Promise<void> {
    if (known.fetching === null && this.clock.now() - known.triedAt < COOL_DOWN) return;
    known.fetching ??= this.#read(known, identity).finally(() => {
      known.fetching = null;
    });
    await known.fetching;
  }

  async #read(known: KnownKeys, identity: WorkloadIdentity): Promise<void> {
    known.triedAt = this.clock.now();
    const keys = await fetchIssuerKeys(identity, this.http, DEADLINE);
    if (keys === null) return;
    known.keys = keys;
    known.fetchedAt = this.clock.now();
  }

  #of({ kind, issuer, keys, allowHosts }: WorkloadIdentity): KnownKeys {
    const name = JSON.stringify([kind, issuer, keys, allowHosts]);
    const known = this.#known.get(name) ?? { keys: null, fetchedAt: 0, triedAt: -Infinity, fetching: null };
    this.#known.delete(name);
    this.#known.set(name, known);
    const [oldest] = this.#known.keys();
    if (this.#known.size > REMEMBERED && oldest !== undefined) this.#known.delete(oldest);
    return known;
  }
}

function select(keys: readonly PublicJwk[] | null, kid: string | null, algorithm: string): readonly PublicJwk[] | null {
  return keys?.filter((key) => (kid === null || key.kid === kid) && isKeyFor(key, algorithm)) ?? null;
}
