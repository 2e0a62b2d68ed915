/** One metric of Corridor. A name never changes its meaning; what is counted says `_total`, times are seconds. */
export interface Metric {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly unit: string;
  /** What each label says. Its values are few by nature, or of the catalogue; beyond `mostValues` they are `other`. */
  readonly labels: Readonly<Record<string, string>>;
  readonly meaning: string;
  /** Upper bounds of a histogram. */
  readonly buckets?: readonly number[];
}

/** Values of one label that are told apart. */
export const mostValues = 100;

const QUICK = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];
const SLOW = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const SIZES = [1, 2, 4, 8, 16, 32, 64, 128, 256];

const server = 'its id in the catalogue; `none` for what is no authorization server of it';
const client = 'its id in the catalogue';

/** Every metric but those of the process itself. docs/metrics.md is made of it (scripts/write-metrics.mjs). */
export const metrics = {
  decisions: {
    name: 'corridor_decisions_total',
    type: 'counter',
    unit: 'decisions',
    labels: {
      outcome: '`allowed`, `denied` by the policy, `refused` by a guardrail, a suspension or a limit',
      reason: 'the first reason code of the decision (reasons.md); `none` where it gave none',
    },
    meaning: 'Token requests that were decided. A remembered decision counts each time it is used',
  },
  releases: {
    name: 'corridor_releases_total',
    type: 'counter',
    unit: 'releases',
    labels: { from: '`cached`: it was in memory; `shared`: somebody else had asked for it; `fresh`: obtained for this request' },
    meaning: 'Tokens that were handed to a run',
  },
  misses: {
    name: 'corridor_cache_misses_total',
    type: 'counter',
    unit: 'requests',
    labels: {},
    meaning: 'Allowed requests for which no token in memory could serve, whatever they came to',
  },
  faults: {
    name: 'corridor_token_faults_total',
    type: 'counter',
    unit: 'requests',
    labels: { authorization_server: server, fault: 'the code (reasons.md, "Authorization servers")' },
    meaning: 'Allowed requests that got no token because of their authorization server, or of what it issued',
  },
  renewals: {
    name: 'corridor_renewals_total',
    type: 'counter',
    unit: 'renewals',
    labels: { outcome: '`renewed`; `later`: it could not be had now; `over`: nobody may have it any more' },
    meaning: 'Tokens in use whose time for renewal had come',
  },
  tokenRequests: {
    name: 'corridor_token_request_seconds',
    type: 'histogram',
    unit: 'seconds',
    labels: {},
    meaning: 'Time from a token request to its answer, good or not',
    buckets: QUICK,
  },
  requests: {
    name: 'corridor_http_requests_total',
    type: 'counter',
    unit: 'requests',
    labels: { route: "the route's pattern; `unmatched` where there is none", status: '`2xx` to `5xx`' },
    meaning: 'HTTP requests that were answered, on every surface but this one',
  },
  securityEvents: {
    name: 'corridor_security_events_total',
    type: 'counter',
    unit: 'events',
    labels: {
      event: 'as in the log: `authentication_failed`, `throttled` and others',
      surface: '`token`, `revocation`, `introspection`, `api`',
    },
    meaning: 'Lines of the security log',
  },
  upstreamTime: {
    name: 'corridor_upstream_request_seconds',
    type: 'histogram',
    unit: 'seconds',
    labels: { authorization_server: server, kind: '`token`, `revocation`, `introspection`, `metadata`, `keys`, `resource_metadata`' },
    meaning: 'Time of whole exchanges with upstream servers, also of those that failed',
    buckets: SLOW,
  },
  upstreamErrors: {
    name: 'corridor_upstream_errors_total',
    type: 'counter',
    unit: 'exchanges',
    labels: {
      authorization_server: server,
      kind: 'as above',
      class: '`http_3xx` to `http_5xx`, or how the exchange failed: `timeout`, `unreachable`, …',
    },
    meaning: 'Exchanges with upstream servers that brought an error',
  },
  circuitOpen: {
    name: 'corridor_circuit_open',
    type: 'gauge',
    unit: '0 or 1',
    labels: { authorization_server: server, client },
    meaning:
      'Whether this replica leaves the server alone for this client, or did in the last five minutes and nobody has asked since (cache-and-renewal.md)',
  },
  flushEntries: {
    name: 'corridor_flush_entries',
    type: 'histogram',
    unit: 'entries',
    labels: {},
    meaning: 'Entries that were written to the record together',
    buckets: SIZES,
  },
  flushTime: {
    name: 'corridor_flush_seconds',
    type: 'histogram',
    unit: 'seconds',
    labels: {},
    meaning: 'Time of such a write, with its way to the disk',
    buckets: QUICK,
  },
  evaluationTime: {
    name: 'corridor_policy_evaluation_seconds',
    type: 'histogram',
    unit: 'seconds',
    labels: { result: '`value`, or why there was none: `timeout`, `threw`, `overloaded`, …' },
    meaning: 'Time of evaluations of the policy, with their wait for a thread. Remembered decisions need none',
    buckets: QUICK,
  },
  workerRestarts: {
    name: 'corridor_evaluation_worker_restarts_total',
    type: 'counter',
    unit: 'threads',
    labels: {},
    meaning: 'Threads of evaluation that were ended at their deadline, or ended by themselves, and were replaced',
  },
  epoch: {
    name: 'corridor_facts_epoch',
    type: 'gauge',
    unit: 'number',
    labels: {},
    meaning: 'The epoch of the facts that this replica decides by',
  },
  epochChanges: {
    name: 'corridor_facts_epoch_changes_total',
    type: 'counter',
    unit: 'changes',
    labels: {},
    meaning: 'Changes of facts that this replica has seen: suspensions, catalogue, policy, keys, credentials',
  },
  policyActive: {
    name: 'corridor_policy_active',
    type: 'gauge',
    unit: '0 or 1',
    labels: {},
    meaning: 'Whether a policy is active, and can be evaluated here: without one every request is denied',
  },
  clockDrift: {
    name: 'corridor_clock_drift_seconds',
    type: 'gauge',
    unit: 'seconds',
    labels: {},
    meaning: "The database's clock less this machine's. Corridor goes by the database's; beyond 30 s something is wrong",
  },
  redisLost: {
    name: 'corridor_redis_lost',
    type: 'gauge',
    unit: '0 or 1',
    labels: {},
    meaning:
      'Whether a Redis is set and is left alone, because it does not answer as it must: that costs speed and nothing else (redis.md)',
  },
  redisFailures: {
    name: 'corridor_redis_failures_total',
    type: 'counter',
    unit: 'failures',
    labels: {},
    meaning: 'Commands to Redis that brought nothing, each of which a request or a loop went on without, and connections to it that broke',
  },
  databaseUp: {
    name: 'corridor_database_up',
    type: 'gauge',
    unit: '0 or 1',
    labels: {},
    meaning: 'Whether the database answered when it was last asked for the figures below. Where it did not, they are left out',
  },
  liveTokens: {
    name: 'corridor_live_tokens',
    type: 'gauge',
    unit: 'tokens',
    labels: {},
    meaning: 'Exposure: tokens that were issued, are not confirmed revoked and have not expired, of all replicas',
  },
  unrevocableTokens: {
    name: 'corridor_unrevocable_tokens',
    type: 'gauge',
    unit: 'tokens',
    labels: {},
    meaning: 'Those of them that are to be dead and will not be revoked: their server cannot, or it was given up',
  },
  pendingRevocations: {
    name: 'corridor_pending_revocations',
    type: 'gauge',
    unit: 'tokens',
    labels: {},
    meaning: 'Those of them that are to be dead and whose server has not confirmed it yet',
  },
  openIntents: {
    name: 'corridor_open_intents',
    type: 'gauge',
    unit: 'attempts',
    labels: {},
    meaning: 'Attempts at an authorization server whose outcome is awaited',
  },
  unknownOutcomes: {
    name: 'corridor_unknown_outcomes',
    type: 'gauge',
    unit: 'attempts',
    labels: {},
    meaning: 'Attempts whose outcome was never learned, and whose token, if there is one, may be alive',
  },
  workWaiting: {
    name: 'corridor_work_waiting',
    type: 'gauge',
    unit: 'rows',
    labels: { kind: 'the kind of work (operate.md): `revoke`, `end_run`, `close_intent`, `rotate`' },
    meaning: 'Work that is not done yet, of all replicas, be it only past its deadline and touched by nobody (of these at most 1,000)',
  },
  workOverdue: {
    name: 'corridor_work_overdue_seconds',
    type: 'gauge',
    unit: 'seconds',
    labels: { kind: 'as above' },
    meaning: 'For how long the oldest of it has been due, touched or not',
  },
  workAttempts: {
    name: 'corridor_work_most_attempts',
    type: 'gauge',
    unit: 'attempts',
    labels: { kind: 'as above' },
    meaning: 'How often the most tried of it was tried',
  },
  workGivenUp: {
    name: 'corridor_work_given_up',
    type: 'gauge',
    unit: 'rows',
    labels: { kind: 'as above' },
    meaning: 'Work that nobody tries any more and that somebody must look at',
  },
  credentialAge: {
    name: 'corridor_credential_age_seconds',
    type: 'gauge',
    unit: 'seconds',
    labels: { client },
    meaning: 'Age of the credential in use of each client of the catalogue; a client without one is left out',
  },
  credentialOverdue: {
    name: 'corridor_credential_rotation_overdue',
    type: 'gauge',
    unit: '0 or 1',
    labels: { client },
    meaning: 'Whether it is older than its rotation schedule allows, or missing',
  },
  drillLatency: {
    name: 'corridor_stop_drill_seconds',
    type: 'gauge',
    unit: 'seconds',
    labels: {},
    meaning:
      'Of the last drill (stop.md): from the call until the slowest replica refused; +Inf when one did not. Left out before the first',
  },
  drillLetThrough: {
    name: 'corridor_stop_drill_let_through',
    type: 'gauge',
    unit: 'requests',
    labels: {},
    meaning: 'Of the last drill: requests that began after the stop was acknowledged and were not refused',
  },
  drillTime: {
    name: 'corridor_stop_drill_timestamp_seconds',
    type: 'gauge',
    unit: 'seconds since 1970',
    labels: {},
    meaning: 'When the last drill was recorded',
  },
} as const satisfies Readonly<Record<string, Metric>>;

export type Metrics = typeof metrics;
