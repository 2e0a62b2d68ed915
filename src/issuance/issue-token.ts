import type { EntryLog } from '../attribution/entry-log.js';
import type { EntryMaker } from '../attribution/entry.js';
import type { Clock } from '../oauth/clock.js';
import { InvalidClient, TemporarilyUnavailable } from '../oauth/errors.js';
import type { AuthenticateRun } from '../runs/authenticate-run.js';
import type { RunDirectory } from '../runs/run-directory.js';
import type { Run } from '../runs/run.js';
import type { ActivatePolicy } from './activate-policy.js';
import type { Answer } from './answer.js';
import type { Context } from './context.js';
import type { TurnedAway } from './decided.js';
import type { DecideRequest } from './decide-request.js';
import type { FactsSource } from './facts.js';
import type { Fulfil } from './fulfil.js';
import type { LimitRequests } from './limit-requests.js';
import { loadContext } from './load-context.js';
import { unobserved } from './observer.js';
import { QueuePerKey } from './queue-per-key.js';
import type { Release } from './release.js';
import { untraced, type Span } from './spans.js';
import type { TokenRequest } from './token-request.js';
import { answerOfTurnAway, prepareTurnAway } from './turn-away.js';

/** How often facts, runs or counters may move under one request before it is turned away. */
const ATTEMPTS = 8;

/**
 * The story of a token request, told once from top to bottom (DESIGN §3). When the record says that what the answer rests on has
 * moved, it is read anew and decided again.
 */
export class IssueToken {
  readonly #turns = new QueuePerKey();

  constructor(
    private readonly authenticateRun: AuthenticateRun,
    private readonly runs: RunDirectory,
    private readonly facts: FactsSource,
    private readonly policy: ActivatePolicy,
    private readonly limits: LimitRequests,
    private readonly decide: DecideRequest,
    private readonly fulfil: Fulfil,
    private readonly log: EntryLog,
    private readonly entries: EntryMaker,
    private readonly clock: Clock,
    private readonly observer = unobserved,
    private readonly spans = untraced,
  ) {}

  /** @throws OAuthError; LogUnavailable when the record cannot be written, and then nothing leaves */
  issue(request: TokenRequest): Promise<Release> {
    return this.spans.request(request.traceparent, (span) => this.#issue(request, span));
  }

  async #issue(request: TokenRequest, span: Span): Promise<Release> {
    const { clientAuthentication, address, ...asked } = request;
    let run = await this.authenticateRun.authenticate(clientAuthentication, address);
    span.note({ 'corridor.run': run.id, 'corridor.workflow': run.workflow });
    let facts = await this.facts.current();
    const over = this.limits.over(run, facts.catalogue);
    if (over !== null) {
      this.observer.limited();
      throw await this.limits.refusal(over, run, request, facts);
    }
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      await this.policy.ready(facts.policyRevision);
      const context = await loadContext(run, asked, facts, this.runs, this.clock.now());
      const answer = await this.#answerInTurn(context, span);
      if (answer.kind === 'released') {
        span.note({ 'corridor.entry': answer.release.attribution, 'corridor.from': answer.from });
        return answer.release;
      }
      if (answer.kind === 'turned_away') throw answer.error;
      if (answer.verdict === 'stale') facts = await this.facts.latest();
      if (answer.verdict === 'run_over') run = await this.#readAnew(run, request);
    }
    throw new TemporarilyUnavailable('what this request rests on changes too often: try again', { retryAfter: 1 });
  }

  /** Where decisions rest on history, the requests of one run take turns: each sees what the one before it did. */
  async #answerInTurn(context: Context, span: Span): Promise<Answer> {
    const answer = (): Promise<Answer> => this.#answer(context, span);
    return this.decide.readsCounters(context) ? this.#turns.run(context.run.id, answer) : answer();
  }

  async #answer(context: Context, span: Span): Promise<Answer> {
    const decided = await this.spans.step('decide', () => this.decide.decideRequest(context));
    span.note({
      'corridor.decision': decided.decision.id,
      'corridor.outcome': decided.kind,
      'corridor.resource': context.resource?.id ?? '',
    });
    const answer =
      decided.kind === 'allowed'
        ? await this.spans.step('obtain', () => this.fulfil.fulfil(context, decided))
        : await this.#turnAway(context, decided);
    const isRecorded = answer.kind === 'released' || (answer.kind === 'turned_away' && answer.recorded);
    if (isRecorded && decided.kind !== 'refused') decided.input?.stored();
    this.observer.answered(decided, answer);
    return answer;
  }

  async #turnAway(context: Context, decided: TurnedAway): Promise<Answer> {
    const append = prepareTurnAway(context, decided, this.entries);
    const [appended] = await this.log.append([append]);
    return appended === undefined ? { kind: 'again', verdict: 'bad' } : answerOfTurnAway(decided, append, appended);
  }

  /** The run and its ancestors as they are now. A credential that was replaced meanwhile proves nothing any more. */
  async #readAnew(run: Run, request: TokenRequest): Promise<Run> {
    for (const ancestor of run.ancestors) await this.runs.reload(ancestor);
    const now = await this.runs.reload(run.id);
    if (now === null || now.credential.id !== run.credential.id) {
      throw new InvalidClient('client authentication failed', request.clientAuthentication.kind === 'basic');
    }
    return now;
  }
}
