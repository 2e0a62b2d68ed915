import type { FaultLog } from '../access/fault-log.js';
import type { EntryLog } from '../attribution/entry-log.js';
import type { EntryMaker } from '../attribution/entry.js';
import type { Clock } from '../oauth/clock.js';
import type { UpstreamFault } from '../upstreams/token.js';
import { UpstreamFailed } from '../upstreams/upstream-failed.js';
import { isRecorded, type Answer, type ReleasedFrom } from './answer.js';
import { extentMembers, requestColumns, requestMembers, suppressedMembers, unsentMembers } from './attribution-of.js';
import type { Context } from './context.js';
import type { Allowed } from './decided.js';
import { errorOfFault } from './errors-of.js';
import type { Minting } from './mint-token.js';
import { UpstreamTrouble, type ObtainToken } from './obtain-token.js';
import { answerOfRelease, prepareRelease } from './release-token.js';
import { isFresh, type CachedToken, type TokenCache } from './token-cache.js';
import { ToldNowAndThen } from './told-now-and-then.js';

/** Why a request got no token, where no attempt of its own says so. */
interface Unsent {
  readonly because: 'recent_failure' | 'circuit' | 'concurrency_limit' | 'shared_attempt' | 'not_prepared';
  readonly by: 'refused' | 'failed' | 'unknown';
  readonly fault: UpstreamFault;
  readonly retryAfter: number | null;
}

/** Gives an allowed request its token: the live one of its isolation domain, or a new one. */
export class Fulfil {
  readonly #told = new ToldNowAndThen();

  constructor(
    private readonly cache: TokenCache,
    private readonly obtainToken: ObtainToken,
    private readonly log: EntryLog,
    private readonly entries: EntryMaker,
    private readonly faultLog: FaultLog,
    private readonly clock: Clock,
  ) {}

  async fulfil(context: Context, allowed: Allowed): Promise<Answer> {
    try {
      const minting = await this.obtainToken.want(context, allowed);
      const answer = await this.#serve(minting);
      return isClientRefused(answer) ? ((await this.#serveByOther(minting)) ?? answer) : answer;
    } catch (error) {
      if (!(error instanceof UpstreamFailed)) throw error;
      this.faultLog.write(new UpstreamTrouble(allowed, error.fault));
      return this.#turnAway(context, allowed, { because: 'not_prepared', by: 'failed', fault: error.fault, retryAfter: null });
    }
  }

  async #serve(minting: Minting): Promise<Answer> {
    const now = this.clock.now();
    const cached = this.cache.get(minting.cacheKey, now, minting.allowed.maxTtl);
    return cached !== null && this.#serves(cached, minting, now) ? this.#release(minting, cached) : this.#fetch(minting);
  }

  /**
   * While a credential rotates, its server may know one of the two versions alone: what it refuses to the one in use is asked with the
   * other, once, as a request of its own (CONFORMANCE A86). The method is the same. Null when there is no other.
   */
  async #serveByOther(minting: Minting): Promise<Answer | null> {
    const byOther = await this.obtainToken.wantByOther(minting);
    const answer = byOther === null ? null : await this.#serve(byOther);
    return answer === null || isClientRefused(answer) ? null : answer;
  }

  /** One that is nearly over is better than waiting, where it is being renewed or nothing can be had now; else a new one is. */
  #serves(cached: CachedToken, minting: Minting, now: number): boolean {
    return isFresh(cached.live, now, minting.allowed.maxTtl) || cached.usedBy !== null || this.obtainToken.isHeldUp(minting);
  }

  async #fetch(minting: Minting): Promise<Answer> {
    const { context, allowed, cacheKey: key } = minting;
    const { first, result } = await this.obtainToken.obtain(minting);
    if (result.kind === 'again') return result;
    if (result.kind === 'live') {
      // a token that is asked for once is not in use
      return first && result.answer !== null ? result.answer : this.#release(minting, result.cached, 'shared');
    }
    const old = this.cache.get(key, this.clock.now(), allowed.maxTtl);
    if (old !== null) return this.#release(minting, old);
    if (result.kind === 'not_sent') return this.#turnAway(context, allowed, result);
    if (!first) return this.#turnAway(context, allowed, { ...result, because: 'shared_attempt' });
    this.#tell(context, allowed); // its own attempt says it
    const { by, fault, retryAfter, entry } = result;
    return { kind: 'turned_away', error: errorOfFault(by, fault, retryAfter, entry), recorded: true, fault };
  }

  /** Each release is an entry of its own, also of a token that was there already. */
  async #release({ context, allowed, cacheKey: key }: Minting, cached: CachedToken, from: ReleasedFrom = 'cached'): Promise<Answer> {
    const release = prepareRelease(context, allowed, cached.live, true, this.entries);
    const [appended] = await this.log.append([release.append]);
    const answer: Answer = appended === undefined ? { kind: 'again', verdict: 'bad' } : answerOfRelease(release, appended);
    if (answer.kind === 'again' && answer.verdict === 'not_live') this.cache.drop(key, cached.live.issuance);
    if (answer.kind === 'released') {
      // it is in use, and renewed in time
      cached.usedBy = context.run;
      cached.asked = context.asked;
      if (from !== answer.from) return { ...answer, from };
    }
    return answer;
  }

  /** Without an intent nothing else says it, so it is recorded, every 10 seconds for each run and resource: a flood must not become one of entries. */
  async #turnAway(context: Context, allowed: Allowed, { because, by, fault, retryAfter }: Unsent): Promise<Answer> {
    const { server, parties } = allowed.admitted;
    const { client } = parties[0];
    const suppressed = this.#tell(context, allowed);
    if (suppressed === null) return { kind: 'turned_away', error: errorOfFault(by, fault, retryAfter, null), recorded: false, fault };
    const entry = this.entries.make(
      'token.failed',
      context.facts.epoch,
      {
        ...requestMembers(context, allowed.decision),
        ...unsentMembers(server, client, fault, because),
        ...extentMembers(context, allowed, null),
        ...suppressedMembers(suppressed),
      },
      { ...requestColumns(context, allowed.decision), client: client.id },
    );
    const append = { entry, epoch: null, run: null, effect: null, counters: [], decisionInput: allowed.input };
    const [appended] = await this.log.append([append]);
    const recorded = isRecorded(appended?.verdict);
    return { kind: 'turned_away', error: errorOfFault(by, fault, retryAfter, recorded ? entry.id : null), recorded, fault };
  }

  #tell({ run }: Context, { admitted }: Allowed): number | null {
    return this.#told.tell(`${run.id} ${admitted.resource.id}`, this.clock.now());
  }
}

function isClientRefused(answer: Answer): boolean {
  return answer.kind === 'turned_away' && answer.fault === 'client_refused';
}
