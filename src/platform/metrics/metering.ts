import { performance } from 'node:perf_hooks';
import type { Gauge } from 'prom-client';
import { z } from 'zod';
import type { EntrySearch } from '../../attribution/entry-search.js';
import type { Epoch } from '../../attribution/epoch.js';
import type { CredentialVersion, CredentialVersions } from '../../credentials/sealed-credential.js';
import type { ActivatePolicy } from '../../issuance/activate-policy.js';
import type { Circuits } from '../../issuance/circuits.js';
import type { Facts, FactsSource } from '../../issuance/facts.js';
import { SqlFigures, type ExposureFigures, type WorkFigures } from '../../store/sql-figures.js';
import type { UpstreamRequest } from '../../upstreams/upstream-http.js';
import { WorkerPool } from '../evaluation/worker-pool.js';
import type { Platform } from '../platform.js';
import { CountingObserver } from './counting-observer.js';
import { CountedSecurityLog, MeasuredEvaluator, MeasuredHttp } from './measured-ports.js';
import { MetricsListener, type Page } from './metrics-listener.js';
import { pour, Prometheus, set } from './prometheus.js';
import { SeenNowAndThen } from './seen-now-and-then.js';
import { LabelValues, Tally } from './tally.js';

/** Milliseconds between two looks into the database, and how long one is waited for. */
const EVERY = 15_000;
const PATIENCE = 2_000;
/** What is counted of each there. The embedded database does nothing else meanwhile: 10,000 take about 20 ms. */
const MOST = 100_000;
const MOST_EMBEDDED = 10_000;

/** The parts of a Corridor that are looked at when the metrics are read. */
export interface Watched {
  readonly facts: FactsSource;
  readonly versions: CredentialVersions;
  readonly search: EntrySearch;
  readonly circuits: Circuits;
  readonly activatePolicy: Pick<ActivatePolicy, 'isUnusable'>;
}

/** What the database was asked for. */
interface Looked {
  readonly exposure: ExposureFigures;
  readonly work: readonly WorkFigures[];
  readonly credentials: readonly CredentialVersion[];
  readonly drill: z.infer<typeof drill> | null;
}

const drill = z.object({
  time: z.string(),
  replicas: z.array(z.object({ refused_ms: z.number().nullable(), let_through: z.number() })),
});

/** Takes the figures of one process: what happens is counted as it does, and the rest is looked at when somebody reads them. */
export class Metering {
  readonly observer = new CountingObserver((entries, seconds) => {
    this.#all.flushEntries.observe(entries);
    this.#all.flushTime.observe(seconds);
  });
  readonly #prometheus = new Prometheus();
  readonly #requests = new Tally();
  readonly #securityEvents = new Tally();
  readonly #servers = new LabelValues();
  readonly #clients = new LabelValues();
  #epoch: Epoch | null = null;
  #printing: Promise<string> | null = null;
  #listener: MetricsListener | null = null;

  constructor(
    private readonly platform: Platform,
    private readonly address: { readonly host: string; readonly port: number },
  ) {}

  get #all(): Prometheus['all'] {
    return this.#prometheus.all;
  }

  /** The platform, with what goes through its ports measured. */
  measured(): Platform {
    const { http, evaluator, securityLog } = this.platform;
    return {
      ...this.platform,
      http: new MeasuredHttp(http, (request, seconds, error) => this.#exchanged(request, seconds, error)),
      evaluator: new MeasuredEvaluator(evaluator, (seconds, result) => this.#all.evaluationTime.observe({ result }, seconds)),
      securityLog: new CountedSecurityLog(securityLog, (event, surface) => this.#securityEvents.count(event, surface)),
    };
  }

  /** An HTTP request was answered; `route` is its pattern. */
  answered(route: string, status: number, seconds: number): void {
    this.#requests.count(route, `${Math.floor(status / 100)}xx`);
    if (route === '/oauth2/token') this.#all.tokenRequests.observe(seconds);
  }

  /** From now on they can be read. */
  async serve(watched: Watched): Promise<void> {
    this.#listener = await MetricsListener.open(this.page(watched), this.address, (error) => this.platform.faultLog.write(error));
  }

  async close(): Promise<void> {
    await this.#listener?.close();
  }

  /** Prints them all (text format 0.0.4), for one reader at a time: whoever comes meanwhile reads the same. */
  page(watched: Watched): Page {
    const looks = new SeenNowAndThen(
      () => this.#look(watched),
      (error) => this.platform.faultLog.write(error),
      EVERY,
      PATIENCE,
      () => performance.now(),
    );
    const print = async (): Promise<string> => {
      const [facts, looked] = await Promise.all([watched.facts.current(), looks.get()]);
      this.#setCounted();
      this.#setFacts(facts, watched.activatePolicy);
      this.#setCircuits(watched.circuits);
      this.#setLooked(looked, facts);
      return this.#prometheus.print();
    };
    return {
      contentType: this.#prometheus.contentType,
      print: () => (this.#printing ??= print().finally(() => (this.#printing = null))),
    };
  }

  #exchanged({ server, kind }: UpstreamRequest, seconds: number, error: string | null): void {
    const labels = { authorization_server: this.#servers.of(server ?? 'none'), kind: kind ?? 'other' };
    this.#all.upstreamTime.observe(labels, seconds);
    if (error !== null) this.#all.upstreamErrors.inc({ ...labels, class: error });
  }

  async #look({ versions, search }: Watched): Promise<Looked> {
    const { database, embedded } = this.platform;
    const figures = new SqlFigures(database, embedded ? MOST_EMBEDDED : MOST);
    const [exposure, work, credentials, drills] = await Promise.all([
      figures.exposure(),
      figures.work(),
      versions.inUse(),
      search.find({ type: 'suspension.drilled', limit: 1 }),
    ]);
    const [last] = drills.entries;
    return { exposure, work, credentials, drill: last === undefined ? null : drill.parse(last) };
  }

  #setCounted(): void {
    const { decisions, releases, faults, renewals, misses } = this.observer;
    pour(decisions, this.#all.decisions, ['outcome', 'reason']);
    pour(releases, this.#all.releases, ['from']);
    pour(faults, this.#all.faults, ['authorization_server', 'fault']);
    pour(renewals, this.#all.renewals, ['outcome']);
    pour(this.#requests, this.#all.requests, ['route', 'status']);
    pour(this.#securityEvents, this.#all.securityEvents, ['event', 'surface']);
    set(this.#all.misses, misses);
    const { evaluator, clock, shared } = this.platform;
    this.#all.redisLost.set(shared === null || shared.health.up ? 0 : 1);
    set(this.#all.redisFailures, shared?.health.failures ?? 0);
    set(this.#all.workerRestarts, evaluator instanceof WorkerPool ? evaluator.restarts : 0);
    this.#all.clockDrift.set((clock.now() - Date.now()) / 1000);
  }

  #setFacts({ epoch, policyRevision }: Facts, policy: Watched['activatePolicy']): void {
    const before = this.#epoch;
    this.#epoch = epoch;
    this.#all.epoch.set(epoch.number);
    if (before !== null)
      this.#all.epochChanges.inc(before.incarnation === epoch.incarnation ? Math.max(0, epoch.number - before.number) : 1);
    this.#all.policyActive.set(policyRevision === null || policy.isUnusable(policyRevision) ? 0 : 1);
  }

  /** A pair is named by its server, its client and more that sets it apart (see ObtainToken). */
  #setCircuits(circuits: Circuits): void {
    const rows = circuits.states().map(({ name, open }) => {
      const [server = '', client = ''] = name.split(' ');
      return [{ authorization_server: this.#servers.of(server), client: this.#clients.of(client) }, open ? 1 : 0] as const;
    });
    setGreatest(this.#all.circuitOpen, rows);
  }

  #setLooked(looked: Looked | null, facts: Facts): void {
    const all = this.#all;
    all.databaseUp.set(looked === null ? 0 : 1);
    const { exposure } = looked ?? {};
    setOrLeaveOut(all.liveTokens, exposure?.live);
    setOrLeaveOut(all.unrevocableTokens, exposure?.unrevocable);
    setOrLeaveOut(all.pendingRevocations, exposure?.pending);
    setOrLeaveOut(all.openIntents, exposure?.open);
    setOrLeaveOut(all.unknownOutcomes, exposure?.unknown);
    const work = looked?.work ?? [];
    setGreatest(
      all.workWaiting,
      work.map(({ kind, waiting }) => [{ kind }, waiting]),
    );
    setGreatest(
      all.workOverdue,
      work.map(({ kind, overdue }) => [{ kind }, overdue]),
    );
    setGreatest(
      all.workAttempts,
      work.map(({ kind, attempts }) => [{ kind }, attempts]),
    );
    setGreatest(
      all.workGivenUp,
      work.map(({ kind, given_up: givenUp }) => [{ kind }, givenUp]),
    );
    this.#setCredentials(looked?.credentials ?? null, facts);
    this.#setDrill(looked?.drill ?? null);
  }

  #setCredentials(credentials: readonly CredentialVersion[] | null, { catalogue }: Facts): void {
    const now = this.platform.clock.now();
    const clients = credentials === null ? [] : Object.values(catalogue.clients);
    const states = clients.map(({ id, rotateEvery }) => {
      const newest = credentials?.find(({ client, state }) => client === id && state === 'current');
      const age = newest === undefined ? null : Math.max(0, now - newest.createdAt) / 1000;
      return { labels: { client: this.#clients.of(id) }, age, overdue: age === null || age > rotateEvery };
    });
    setGreatest(
      this.#all.credentialAge,
      states.flatMap(({ labels, age }) => (age === null ? [] : [[labels, age] as const])),
    );
    setGreatest(
      this.#all.credentialOverdue,
      states.map(({ labels, overdue }) => [labels, overdue ? 1 : 0]),
    );
  }

  #setDrill(last: Looked['drill']): void {
    const latencies = last?.replicas.map(({ refused_ms: refused }) => (refused === null ? Infinity : refused / 1000));
    setOrLeaveOut(this.#all.drillLatency, latencies === undefined ? undefined : Math.max(0, ...latencies));
    setOrLeaveOut(
      this.#all.drillLetThrough,
      last?.replicas.reduce((sum, { let_through: through }) => sum + through, 0),
    );
    setOrLeaveOut(this.#all.drillTime, last === null ? undefined : Date.parse(last.time) / 1000);
  }
}

function setOrLeaveOut(gauge: Gauge, value: number | undefined): void {
  if (value === undefined) gauge.remove();
  else gauge.set(value);
}

/** Series that are not among the rows are left out; of several rows with the same labels the greatest stands. */
function setGreatest(gauge: Gauge, rows: readonly (readonly [labels: Readonly<Record<string, string>>, value: number])[]): void {
  gauge.reset();
  for (const [labels, value] of rows.toSorted(([, a], [, b]) => a - b)) gauge.set({ ...labels }, value);
}
