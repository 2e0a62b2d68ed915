import { byItself, type EntryLog } from '../attribution/entry-log.js';
import type { EntryMaker } from '../attribution/entry.js';
import { declared } from '../catalogue/look-up.js';
import type { Catalogue } from '../catalogue/catalogue.js';
import type { Clock } from '../oauth/clock.js';
import { SlowDown } from '../oauth/errors.js';
import type { Randomness } from '../oauth/identifier.js';
import type { RunDirectory } from '../runs/run-directory.js';
import { isDrill, type Run } from '../runs/run.js';
import type { StartLimits } from '../runs/start-limits.js';
import { isRecorded } from './answer.js';
import { requestColumns, requestMembers, suppressedMembers } from './attribution-of.js';
import type { Facts } from './facts.js';
import { loadContext } from './load-context.js';
import { refusalDecision } from './refusal-decision.js';
import { SlidingMinute } from './sliding-minute.js';
import type { TokenRequest } from './token-request.js';
import { ToldNowAndThen } from './told-now-and-then.js';

/** What a run may ask for in a minute where the catalogue does not say: far more than any task, and less than a loop that ran away. */
const RUN_DEFAULT = 600;
/** What a runtime may start in a minute where the catalogue does not say: likewise. */
const STARTS_DEFAULT = 6_000;

/** A limit that a request is over, and for how long, in milliseconds. */
export interface Overrun {
  readonly limit: 'run' | 'workflow' | 'runtime';
  readonly perMinute: number;
  readonly wait: number;
}

interface Limit {
  readonly limit: Overrun['limit'];
  readonly key: string;
  /** undefined: as many as there are. */
  readonly perMinute: number | undefined;
}

/**
 * Limits of token requests and of starts per minute, counted by each replica for itself and kept in memory alone (docs/tokens.md). A
 * start counts as a request of its workflow and its runtime.
 */
export class LimitRequests implements StartLimits {
  readonly #minutes = new SlidingMinute();
  readonly #told = new ToldNowAndThen();

  constructor(
    private readonly runs: RunDirectory,
    private readonly log: EntryLog,
    private readonly entries: EntryMaker,
    private readonly clock: Clock,
    private readonly randomness: Randomness,
  ) {}

  /** The limit that this request is over; null when it is within all of them, and then it counts. A drill, which gets no token, has none. */
  over(run: Run, catalogue: Catalogue): Overrun | null {
    if (isDrill(run)) return null;
    const perMinute = declared(catalogue.workflows, run.workflow)?.maxRunRequestsPerMinute ?? RUN_DEFAULT;
    const ofRun = { limit: 'run', key: run.id, perMinute } as const;
    return this.#count([ofRun, ofWorkflow(run.workflow, catalogue), ofRuntime(run.runtime, catalogue)], this.clock.now());
  }

  countStart(runtime: string, workflow: string, catalogue: Catalogue): () => void {
    const now = this.clock.now();
    const declaredLimit = ofRuntime(runtime, catalogue);
    const starts = { limit: 'runtime', key: `starts of ${runtime}`, perMinute: STARTS_DEFAULT } as const;
    const limits = [ofWorkflow(workflow, catalogue), declaredLimit.perMinute === undefined ? starts : declaredLimit];
    const over = this.#count(limits, now);
    if (over !== null) {
      const { limit, perMinute } = over;
      const sentence = `more starts and token requests than this ${limit} may make in a minute`;
      throw new SlowDown(sentence, { reasons: [{ code: 'rate_limited', limit, per_minute: perMinute }], retryAfter: secondsOf(over) });
    }
    return () => {
      for (const { key } of limits) this.#minutes.takeBack(key, now);
    };
  }

  #count(limits: readonly Limit[], now: number): Overrun | null {
    for (const { limit, key, perMinute } of limits) {
      const wait = perMinute === undefined ? 0 : this.#minutes.wait(key, perMinute, now);
      if (perMinute !== undefined && wait > 0) return { limit, perMinute, wait };
    }
    for (const { key, perMinute } of limits) if (perMinute !== undefined) this.#minutes.count(key, now);
    return null;
  }

  /** The refusal, which is recorded every 10 seconds for each run and limit: the entries of a flood must not become one. @throws LogUnavailable */
  async refusal(overrun: Overrun, run: Run, request: TokenRequest, facts: Facts): Promise<SlowDown> {
    const { limit, perMinute } = overrun;
    const now = this.clock.now();
    const reason = { code: 'rate_limited', limit, per_minute: perMinute };
    const sentence = `more token requests than this ${limit} may make in a minute`;
    const detail = { reasons: [reason], retryAfter: secondsOf(overrun) };
    const suppressed = this.#told.tell(`${run.id} ${limit}`, now);
    if (suppressed === null) return new SlowDown(sentence, detail);

    const context = await loadContext(run, request, facts, this.runs, now);
    const decision = refusalDecision(facts.policyRevision, 'guardrail', reason, this.clock, this.randomness);
    const members = { ...requestMembers(context, decision), ...suppressedMembers(suppressed) };
    const entry = this.entries.make('token.refused', facts.epoch, members, requestColumns(context, decision));
    const [appended] = await this.log.append([byItself(entry)]);
    return new SlowDown(sentence, {
      ...detail,
      decision: decision.id,
      ...(isRecorded(appended?.verdict) ? { attribution: entry.id } : {}),
    });
  }
}

function ofWorkflow(workflow: string, catalogue: Catalogue): Limit {
  return { limit: 'workflow', key: `workflow ${workflow}`, perMinute: declared(catalogue.workflows, workflow)?.maxRequestsPerMinute };
}

function ofRuntime(runtime: string, catalogue: Catalogue): Limit {
  return { limit: 'runtime', key: `runtime ${runtime}`, perMinute: declared(catalogue.runtimes, runtime)?.maxRequestsPerMinute };
}

function secondsOf({ wait }: Overrun): number {
  return Math.max(1, Math.ceil(wait / 1000));
}
