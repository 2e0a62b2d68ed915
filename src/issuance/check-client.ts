import { Conflict, Invalid, NotFound, Unavailable } from '../access/errors.js';
import { byItself, type EntryLog } from '../attribution/entry-log.js';
import type { EntryMaker } from '../attribution/entry.js';
import type { Catalogue, Client } from '../catalogue/catalogue.js';
import { declared, leastOfClient, type Least } from '../catalogue/look-up.js';
import type { Clock } from '../oauth/clock.js';
import { ResourceIndicator } from '../oauth/resource-indicator.js';
import { AuthorizationDetails } from '../oauth/authorization-details.js';
import type { EndRun } from '../runs/end-run.js';
import type { RunDirectory } from '../runs/run-directory.js';
import { localRuntime, type Run } from '../runs/run.js';
import type { StartRun } from '../runs/start-run.js';
import { UpstreamFailed } from '../upstreams/upstream-failed.js';
import type { ActivatePolicy } from './activate-policy.js';
import { isRecorded } from './answer.js';
import { checkEntry, outcomeOf, type CheckOutcome, type ClientCheck, type Revoked } from './client-check.js';
import type { Context } from './context.js';
import type { Allowed, TurnedAway } from './decided.js';
import type { DecideRequest } from './decide-request.js';
import type { FactsSource } from './facts.js';
import type { GivenTokens } from './given-tokens.js';
import { loadContext } from './load-context.js';
import type { Minted, MintToken } from './mint-token.js';
import type { ObtainToken } from './obtain-token.js';
import type { RevokeDue } from './revoke-due.js';
import { prepareTurnAway } from './turn-away.js';

/** What acts in a run that is there to try a client. */
const agent = { name: 'corridor-check', version: '1', model: 'none' };
/** Seconds, should nobody end it. */
const TTL = 120;
const ATTEMPTS = 8;
/** Questions to the policy before it is taken to say no. */
const QUESTIONS = 20;
/** Milliseconds after which a revocation that nobody reported on is taken up again. */
const LEASE = 30_000;

/** What is to be tried, by id; what is left out is chosen. */
export interface CheckWish {
  readonly workflow: string | null;
  readonly purpose: string | null;
  readonly resource: string | null;
  readonly scope: string | null;
}

/**
 * Tries a client: a run of its own gets the least token by the path of every other, policy and suspensions included, and revokes it.
 * No cached token is used and nobody else is ever given this one.
 */
export class CheckClient {
  constructor(
    private readonly facts: FactsSource,
    private readonly policy: ActivatePolicy,
    private readonly startRun: StartRun,
    private readonly endRun: EndRun,
    private readonly runs: RunDirectory,
    private readonly decide: DecideRequest,
    private readonly obtainToken: ObtainToken,
    private readonly mintToken: MintToken,
    private readonly tokens: GivenTokens,
    private readonly revokeDue: RevokeDue,
    private readonly log: EntryLog,
    private readonly entries: EntryMaker,
    private readonly clock: Clock,
  ) {}

  /** @throws NotFound, Invalid, Conflict, Unavailable; LogUnavailable when the record cannot be written */
  async check(id: string, wish: CheckWish, by: string): Promise<ClientCheck> {
    const { catalogue } = await this.facts.latest();
    const client = declared(catalogue.clients, id);
    if (client === null) throw new NotFound('client_unknown', 'there is no such client in the catalogue');
    const questions = questionsOf(catalogue, client, wish);
    const run = await this.#start(catalogue, client, wish);
    const outcome = await this.#tried(run, questions).finally(() => this.endRun.end(run, by));
    return this.#record(client, run, outcome, by);
  }

  async #start(catalogue: Catalogue, client: Client, wish: CheckWish): Promise<Run> {
    const { workflow, purpose, ttl } = errandOf(catalogue, client, wish);
    const started = { workflow, purpose, operator: null, agent, ttl, parent: null, publicKey: undefined };
    const { id } = await this.startRun.start(localRuntime, started, null);
    const run = await this.runs.get(id);
    if (run === null) throw new Unavailable('run_gone', 'the run that was to try the client is gone: try again');
    return run;
  }

  async #tried(run: Run, questions: readonly Least[]): Promise<CheckOutcome> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const { context, decided } = await this.#decided(run, questions);
      const outcome = decided.kind === 'allowed' ? await this.#obtained(context, decided) : await this.#turnedAway(context, decided);
      if (outcome !== 'again') return outcome;
    }
    throw new Unavailable('facts_moving', 'what this check rests on changes too often: try again');
  }

  /** The first that is allowed, or else the first. */
  async #decided(run: Run, questions: readonly Least[]): Promise<{ context: Context; decided: Allowed | TurnedAway }> {
    const facts = await this.facts.latest();
    await this.policy.ready(facts.policyRevision);
    let first: { context: Context; decided: TurnedAway } | null = null;
    for (const { resource, scope } of questions) {
      const resources = [ResourceIndicator.parse(resource.uri)];
      const asked = { scope, details: AuthorizationDetails.none, resources, traceparent: null };
      const context = await loadContext(run, asked, facts, this.runs, this.clock.now(), 'check');
      const decided = await this.decide.decideRequest(context);
      if (decided.kind === 'allowed') return { context, decided };
      first ??= { context, decided };
    }
    if (first === null) throw new TypeError('a check without a question');
    return first;
  }

  async #turnedAway(context: Context, decided: TurnedAway): Promise<CheckOutcome | 'again'> {
    const append = prepareTurnAway(context, decided, this.entries);
    const [appended] = await this.log.append([append]);
    if (!isRecorded(appended?.verdict)) return 'again';
    if (decided.kind === 'denied') decided.input?.stored();
    return outcomeOf.turnedAway(context, decided);
  }

  async #obtained(context: Context, allowed: Allowed): Promise<CheckOutcome | 'again'> {
    try {
      // nobody else has its key: the token is of this run, and asked for anew
      const minting = await this.obtainToken.want(context, { ...allowed, isolation: 'run' }, 'check');
      const minted = await this.mintToken.mint(minting);
      if (minted.kind === 'again') return 'again';
      allowed.input?.stored();
      return outcomeOf.minted(context, allowed, minted, await this.#revoked(context.run, minted));
    } catch (error) {
      if (!(error instanceof UpstreamFailed)) throw error;
      return outcomeOf.notSent(context, allowed, error.fault);
    }
  }

  /** null: there is nothing to revoke. What a run holds, where the server gives one text to several, is not revoked under it. */
  async #revoked(run: Run, minted: Exclude<Minted, { kind: 'again' }>): Promise<Revoked | null> {
    const token = minted.kind === 'live' ? minted.live.token : minted.token;
    if (token === null) return null;
    const withdrawal = await this.tokens.withdraw(token.sha256, run.id, LEASE);
    if (withdrawal.kind !== 'withdrawn') return withdrawal.kind === 'foreign' ? { kind: 'in_use', fault: null } : null;
    const facts = await this.facts.current();
    const became = await Promise.all(
      withdrawal.tokens.map(async ({ due, revocation }): Promise<Revoked> => {
        if (due === null) return { kind: revocation === 'given_up' ? 'failed' : revocation, fault: null };
        const outcome = await this.revokeDue.revoke(due, facts);
        return { kind: outcome.kind === 'lost' ? 'failed' : outcome.kind, fault: 'fault' in outcome ? outcome.fault : null };
      }),
    );
    const worst = (['failed', 'pending', 'unsupported'] as const).flatMap((kind) => became.find((one) => one.kind === kind) ?? []);
    return worst[0] ?? { kind: 'revoked', fault: null };
  }

  async #record(client: Client, run: Run, outcome: CheckOutcome, by: string): Promise<ClientCheck> {
    const { epoch } = await this.facts.current();
    const { members, columns } = checkEntry(client, run, outcome, by);
    const entry = this.entries.make('client.checked', epoch, members, columns);
    await this.log.append([byItself(entry)]);
    return { client: client.id, run: run.id, workflow: run.workflow, at: this.clock.now(), entry: entry.id, ...outcome };
  }
}

/** The run that tries the client: of a workflow that it serves, for a purpose that needs no user. @throws Invalid, Conflict */
function errandOf(catalogue: Catalogue, client: Client, wish: CheckWish): { workflow: string; purpose: string; ttl: number } {
  const [id] = client.workflows.filter((served) => wish.workflow === null || served === wish.workflow);
  const workflow = id === undefined ? null : declared(catalogue.workflows, id);
  if (workflow === null) throw new Invalid('workflow_not_served', `client ${client.id} serves ${client.workflows.join(', ')}`);
  const purposes = workflow.purposes.filter((purpose) => declared(catalogue.purposes, purpose)?.needsUser === false);
  const purpose = purposes.find((one) => wish.purpose === null || one === wish.purpose);
  if (purpose !== undefined) return { workflow: workflow.id, purpose, ttl: Math.min(TTL, workflow.maxRunTtl) };
  if (wish.purpose === null)
    throw new Conflict('no_purpose', `every purpose of workflow ${workflow.id} needs a user, so no run of it gets a token`);
  throw new Invalid('purpose_not_declared', `workflow ${workflow.id} has ${purposes.join(', ') || 'no purpose without a user'}`);
}

/** The least of each resource, as far as it is wanted. @throws Invalid */
function questionsOf(catalogue: Catalogue, client: Client, wish: CheckWish): readonly Least[] {
  const resources = client.resources.filter((id) => wish.resource === null || id === wish.resource);
  const questions = leastOfClient(catalogue, client).filter(
    ({ resource, scope }) => resources.includes(resource.id) && (wish.scope === null || scope.has(wish.scope)),
  );
  if (questions.length > 0) return questions.slice(0, QUESTIONS);
  if (resources.length === 0) throw new Invalid('resource_not_reached', `client ${client.id} reaches ${client.resources.join(', ')}`);
  throw new Invalid('scope_unknown', `there is no such scope at ${resources.join(', ')}`);
}
