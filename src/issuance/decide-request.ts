import { printEpoch } from '../attribution/epoch.js';
import { allOrNothing } from '../catalogue/look-up.js';
import type { CredentialStore } from '../credentials/credential.js';
import type { Sealer } from '../credentials/sealer.js';
import type { Clock } from '../oauth/clock.js';
import type { Randomness } from '../oauth/identifier.js';
import { AuthorizationDetails } from '../oauth/authorization-details.js';
import { Scope } from '../oauth/scope.js';
import { Secret } from '../oauth/secret.js';
import { buildInputs, type InputParty } from '../policy/build-input.js';
import type { Decide, Decided as PolicyDecided, QuestionKey } from '../policy/decide.js';
import type { Decision } from '../policy/decision.js';
import type { LocalTime } from '../policy/local-time.js';
import type { Admitted, Context, Party, Refusal } from './context.js';
import type { CounterStore, CounterValue } from './counter-store.js';
import type { Decided } from './decided.js';
import { cannotNarrow } from './load-context.js';
import { refusalDecision } from './refusal-decision.js';

/** Decides a request: what a guardrail stops is refused by it, everything else is asked of the policy (DESIGN §6). */
export class DecideRequest {
  constructor(
    private readonly decide: Decide,
    private readonly credentials: CredentialStore,
    private readonly counters: CounterStore,
    private readonly sealer: Sealer,
    private readonly localTime: LocalTime,
    private readonly clock: Clock,
    private readonly randomness: Randomness,
  ) {}

  /** Whether decisions on these facts rest on history, so that requests of one run must take turns. */
  readsCounters(context: Context): boolean {
    return this.decide.readsCounters(context.facts.policyRevision);
  }

  /** `anew`: with a decision of its own, though an equal question was answered in this minute. */
  async decideRequest(context: Context, { anew = false } = {}): Promise<Decided> {
    const { outcome } = context;
    if (outcome.kind === 'refused') return { kind: 'refused', refusal: outcome.refusal, decision: this.#refusal(context, outcome.refusal) };
    const now = this.clock.now();
    const revision = context.facts.policyRevision;
    const key = questionKey(context, now);
    const known = anew ? null : this.decide.recall(revision, key);
    if (known !== null) return this.#decided(context, outcome.admitted, known, [], key);
    const counters = this.readsCounters(context) ? await this.#readCounters(context, outcome.admitted, now) : null;
    const [own, ...ancestors] = await Promise.all(outcome.admitted.parties.map((party) => this.#inputParty(party, counters)));
    if (own === undefined) throw new TypeError('a request without parties');
    const { resource } = outcome.admitted;
    const { requestedScope: scope, requestedDetails: details } = context;
    const request = { resource, scope, details, timeZone: context.facts.catalogue.timeZone, now };
    const inputs = buildInputs([own, ...ancestors], request, this.localTime);
    const decided = await this.decide.decide({ revision, inputs, key: counters === null && !anew ? key : null });
    return this.#decided(context, outcome.admitted, decided, counters ?? [], key);
  }

  #decided(
    context: Context,
    admitted: Admitted,
    { decision, freshInput }: PolicyDecided,
    counters: readonly CounterValue[],
    key: QuestionKey,
  ): Decided {
    const { obligations } = decision;
    const revision = context.facts.policyRevision;
    const sha256 = decision.inputSha256;
    const scope = obligations.scopes === undefined ? context.requestedScope : Scope.of(obligations.scopes);
    // a policy may decide less than was asked, which such a server would not heed
    const all = allOrNothing(admitted.server, admitted.parties[0].client, admitted.resource);
    if (decision.allow && all?.equals(scope) === false) {
      return { kind: 'refused', refusal: cannotNarrow, decision: this.#refusal(context, cannotNarrow) };
    }
    const common = {
      decision,
      admitted,
      scope,
      details: obligations.authorization_details ?? AuthorizationDetails.none,
      maxTtl: Math.min(obligations.max_ttl ?? Infinity, admitted.resource.maxTokenTtl),
      isolation: obligations.isolation ?? ('run' as const),
      counters: counters.map(({ key: counter, version }) => ({ key: counter, version })),
      input:
        freshInput === null || sha256 === null
          ? null
          : {
              sha256,
              sealed: this.sealer.seal(`decision input ${sha256}`, new Secret(freshInput)),
              stored: () => this.decide.inputIsStored(revision, key),
            },
    };
    return decision.allow ? { kind: 'allowed', ...common } : { kind: 'denied', ...common };
  }

  #refusal({ facts }: Context, { by, reason }: Refusal): Decision {
    return refusalDecision(facts.policyRevision, by, reason, this.clock, this.randomness);
  }

  async #inputParty(party: Party, counters: readonly CounterValue[] | null): Promise<InputParty> {
    const credential = await this.credentials.current(party.client.id);
    // a client without a credential is refused when it is to be used; its age tells the policy nothing until then
    const credentialCreatedAt = credential?.createdAt ?? this.clock.now();
    if (counters === null) return { ...party, credentialCreatedAt };
    const tokens = (start: string): { tokens: number } => ({ tokens: counters.find(({ key }) => key.startsWith(start))?.tokens ?? 0 });
    return {
      ...party,
      credentialCreatedAt,
      counters: { run: tokens(`run:${party.run.id}`), workflow: tokens(`workflow:${party.workflow.id}@`) },
    };
  }

  /** A run is counted as a whole, a workflow by the day of the catalogue's time zone. */
  async #readCounters(context: Context, admitted: Admitted, now: number): Promise<readonly CounterValue[]> {
    const { date } = this.localTime.at(now, context.facts.catalogue.timeZone);
    const keys = admitted.parties.flatMap(({ run, workflow }) => [`run:${run.id}`, `workflow:${workflow.id}@${date}`]);
    return this.counters.read([...new Set(keys)].sort());
  }
}

/** Names the question: whatever can differ in an input differs here (DESIGN §6 "Equal questions are asked once"). */
function questionKey({ run, resource, requestedScope, requestedDetails, facts }: Context, now: number): QuestionKey {
  const text = [run.id, resource?.id ?? '', requestedScope.toString(), printEpoch(facts.epoch)].join('\n');
  return {
    minute: Math.floor(now / 60_000),
    text: requestedDetails.isEmpty ? text : `${text}\n${requestedDetails.toString()}`,
  };
}
