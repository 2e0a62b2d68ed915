import type { FaultLog } from '../access/fault-log.js';
import type { EntryLog, Verdict } from '../attribution/entry-log.js';
import type { EntryMaker } from '../attribution/entry.js';
import type { Clock } from '../oauth/clock.js';
import type { RunDirectory } from '../runs/run-directory.js';
import { UpstreamFailed } from '../upstreams/upstream-failed.js';
import type { ActivatePolicy } from './activate-policy.js';
import { isRecorded } from './answer.js';
import type { Context } from './context.js';
import type { Allowed, Decided } from './decided.js';
import type { DecideRequest } from './decide-request.js';
import type { FactsSource } from './facts.js';
import { loadContext } from './load-context.js';
import { unobserved } from './observer.js';
import type { ObtainToken } from './obtain-token.js';
import type { CachedToken, TokenCache } from './token-cache.js';
import type { Asked } from './token-request.js';
import { prepareTurnAway } from './turn-away.js';

/** How often facts, the run or counters may move under one renewal before it is left for the next turn. */
const ATTEMPTS = 3;

/** over: it is not renewed unless it is used again. later: it is tried again with a next turn. */
type Renewed = 'renewed' | 'over' | 'later' | { readonly again: Verdict };

/**
 * Renews tokens ahead of their end, off the path of requests: those that were handed out again since they came, on behalf of the run that was
 * handed each last, decided anew as a request of that run with its own intent (DESIGN §3 "Renewal"). It is handed to nobody: the run
 * gets it when it asks. One that cannot be had leaves the old one in use until its end.
 */
export class RenewTokens {
  readonly #underWay = new Map<string, Promise<void>>();

  constructor(
    private readonly cache: TokenCache,
    private readonly obtainToken: ObtainToken,
    private readonly runs: RunDirectory,
    private readonly facts: FactsSource,
    private readonly policy: Pick<ActivatePolicy, 'ready'>,
    private readonly decide: DecideRequest,
    private readonly log: EntryLog,
    private readonly entries: EntryMaker,
    private readonly faultLog: FaultLog,
    private readonly clock: Clock,
    private readonly observer = unobserved,
  ) {}

  /** Begins those that are due and waits for none: a server that hangs must not keep the tokens of others from being renewed. */
  turn(): Promise<boolean> {
    for (const [key, cached] of this.cache.due(this.clock.now())) {
      if (this.#underWay.has(key)) continue;
      const renewal = this.#renew(key, cached)
        .catch((error: unknown) => this.faultLog.write(error))
        .finally(() => this.#underWay.delete(key));
      this.#underWay.set(key, renewal);
    }
    return Promise.resolve(false);
  }

  /** Resolves when none is under way any more. */
  async settled(): Promise<void> {
    await Promise.all(this.#underWay.values());
  }

  async #renew(key: string, cached: CachedToken): Promise<void> {
    const { usedBy, asked } = cached;
    if (usedBy === null || asked === null) return;
    let facts = await this.facts.current();
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      await this.policy.ready(facts.policyRevision);
      const context = await this.#context(usedBy.id, asked, facts);
      const renewed = context === null ? 'over' : await this.#renewOnce(key, cached, context);
      if (renewed === 'over') cached.usedBy = null;
      if (typeof renewed === 'string') return this.observer.renewed(renewed);
      if (renewed.again === 'stale') facts = await this.facts.latest();
      if (renewed.again === 'run_over') await this.runs.reload(usedBy.id);
    }
  }

  /** The request as if it came now; null when its run is not there any more. */
  async #context(runId: string, asked: Asked, facts: Context['facts']): Promise<Context | null> {
    const run = await this.runs.get(runId);
    return run === null ? null : loadContext(run, { ...asked, traceparent: null }, facts, this.runs, this.clock.now());
  }

  async #renewOnce(key: string, cached: CachedToken, context: Context): Promise<Renewed> {
    const decided = await this.decide.decideRequest(context, { anew: true });
    return decided.kind === 'allowed' ? this.#obtain(key, cached, context, decided) : this.#turnedDown(context, decided);
  }

  async #obtain(key: string, { live }: CachedToken, context: Context, allowed: Allowed): Promise<Renewed> {
    // the run, or one that it descends from, is over before the token is: there is nothing to gain
    if (allowed.admitted.parties.some(({ run }) => run.expiresAt <= live.servedUntil)) return 'over';
    try {
      const minting = await this.obtainToken.want(context, allowed, 'renewal');
      // what the request comes to has changed, so that it would not find it: its next one is a new one
      if (minting.cacheKey !== key) return 'over';
      const result = await this.obtainToken.renew(minting, live);
      if (result.kind === 'again') return { again: result.verdict };
      if (result.kind === 'not_sent') return 'later';
      if (result.kind === 'faulted' || result.minted) allowed.input?.stored();
      return result.kind === 'live' ? 'renewed' : 'later';
    } catch (error) {
      if (error instanceof UpstreamFailed) return 'later';
      throw error;
    }
  }

  /** The policy's no is recorded as any is. What a guardrail or a suspension stops was asked by nobody, and is not. */
  async #turnedDown(context: Context, decided: Exclude<Decided, Allowed>): Promise<Renewed> {
    if (decided.kind === 'refused') return 'over';
    const [appended] = await this.log.append([prepareTurnAway(context, decided, this.entries, 'renewal')]);
    if (appended !== undefined && !isRecorded(appended.verdict)) return appended.verdict === 'bad' ? 'over' : { again: appended.verdict };
    decided.input?.stored();
    return 'over';
  }
}
