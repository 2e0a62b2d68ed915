import { EntryLog, type Append, type Appended, type EntryType, type Outcome, type Verdict } from '../../src/attribution/entry-log.js';
import type { Epoch } from '../../src/attribution/epoch.js';
import { sameEpoch } from '../../src/attribution/epoch.js';
import {
  IssuanceStore,
  type DueRevocation,
  type ExpiredRevocation,
  type LiveIssuance,
  type OpenIntent,
} from '../../src/issuance/issuance-store.js';
import type { Clock } from '../../src/oauth/clock.js';
import type { Run } from '../../src/runs/run.js';

interface Issuance extends Omit<LiveIssuance, 'sealed'> {
  state: 'open' | 'issued' | 'refused' | 'failed' | 'unknown';
  revocation: 'pending' | null;
  sealed: Uint8Array | null;
}

/** What stands in an entry that a test looks at. */
export interface NotedEntry {
  readonly type: EntryType;
  readonly members: Readonly<Record<string, unknown>>;
}

/**
 * The record in memory, on a clock that a test moves: the verdicts on epoch, run and issuance, and nothing else. It stands in for the
 * database where hours of traffic pass in seconds; the real one is held to its contract by test/store. What is over is forgotten.
 */
export class MemoryLog extends EntryLog {
  readonly #issuances = new Map<string, Issuance>();
  readonly #kept: NotedEntry[] = [];
  readonly counts: Partial<Record<EntryType, number>> = {};
  /** Whether the entries themselves are kept. */
  keeping = true;

  constructor(
    private readonly clock: Clock,
    private readonly epoch: () => Epoch,
    private readonly runs: ReadonlyMap<string, Run>,
  ) {
    super();
  }

  get entries(): readonly NotedEntry[] {
    return this.#kept;
  }

  /** Intents without an outcome. */
  get open(): number {
    return [...this.#issuances.values()].filter(({ state }) => state === 'open').length;
  }

  readonly store: IssuanceStore = new (class extends IssuanceStore {
    constructor(private readonly log: MemoryLog) {
      super();
    }
    override async live(_limit: number, cacheKey: string | null = null): Promise<readonly LiveIssuance[]> {
      return this.log.liveOf(cacheKey);
    }
    override async liveOfText(sha256: string): Promise<LiveIssuance | null> {
      return this.log.liveOf(null).find(({ tokenSha256 }) => tokenSha256 === sha256) ?? null;
    }
    override openPastDeadline = (): Promise<readonly OpenIntent[]> => Promise.resolve([]);
    override openOfEarlierInstances = (): Promise<readonly OpenIntent[]> => Promise.resolve([]);
    override takeDueRevocations = (): Promise<readonly DueRevocation[]> => Promise.resolve([]);
    override withdrawServed = (): Promise<readonly string[]> => Promise.resolve([]);
    override expiredUnrevoked = (): Promise<readonly ExpiredRevocation[]> => Promise.resolve([]);
    override wipeDead = (): Promise<number> => Promise.resolve(0);
  })(this);

  override async append(items: readonly Append[]): Promise<readonly Appended[]> {
    const at = this.clock.now();
    await Promise.resolve();
    return items.map((item) => ({ verdict: this.#take(item), at }));
  }

  /** Makes a token not live, as a stop does. */
  withdraw(tokenSha256: string): void {
    for (const issuance of this.#issuances.values()) if (issuance.tokenSha256 === tokenSha256) issuance.revocation = 'pending';
  }

  forgetOver(): void {
    for (const [id, { state, expiresAt }] of this.#issuances) {
      if (state !== 'open' && expiresAt <= this.clock.now()) this.#issuances.delete(id);
    }
  }

  liveOf(cacheKey: string | null): readonly LiveIssuance[] {
    return [...this.#issuances.values()]
      .flatMap(({ sealed, ...issuance }) => (sealed !== null && this.#isLive(issuance) ? [{ ...issuance, sealed }] : []))
      .filter((issuance) => cacheKey === null || issuance.cacheKey === cacheKey)
      .sort((a, b) => b.servedUntil - a.servedUntil);
  }

  #take({ entry, epoch, run, effect }: Append): Verdict {
    if (epoch !== null && !sameEpoch(epoch, this.epoch())) return 'stale';
    if (run !== null && !this.#isActive(run.id)) return 'run_over';
    if (effect?.kind === 'release') {
      const issuance = this.#issuances.get(effect.issuance);
      if (issuance === undefined || !this.#isLive(issuance)) return 'not_live';
    }
    if (effect?.kind === 'intent') {
      if (this.#issuances.has(effect.issuance)) return 'bad';
      const { run: ofRun, workflow, client, clientId, authorizationServer, resource, credential, cacheKey, isolation } = effect;
      const attempt = {
        issuance: effect.issuance,
        run: ofRun,
        workflow,
        client,
        clientId,
        authorizationServer,
        resource,
        credential,
        cacheKey,
        isolation,
      };
      const nothing = { sealed: null, tokenSha256: '', tokenJti: null, issuedAt: 0, expiresAt: 0, servedUntil: 0 };
      const granted = { granted: [], grantedDetails: null, audience: 'unverified', binding: 'none' } as const;
      this.#issuances.set(effect.issuance, { ...attempt, ...nothing, ...granted, state: 'open', revocation: null });
    }
    if (effect?.kind === 'outcome') {
      const issuance = this.#issuances.get(effect.issuance);
      if (issuance?.state !== 'open') return 'late';
      if (effect.state === 'issued' && effect.token !== null && this.#isHeldElsewhere(effect.token, issuance)) return 'reused';
      const { sha256: tokenSha256, jti: tokenJti, ...token } = effect.token ?? { sha256: '', jti: null };
      Object.assign(issuance, { state: effect.state, tokenSha256, tokenJti, ...token });
    }
    this.counts[entry.type] = (this.counts[entry.type] ?? 0) + 1;
    if (this.keeping) this.#kept.push({ type: entry.type, members: JSON.parse(entry.text) as Record<string, unknown> });
    return 'recorded';
  }

  /** Whether the text lives in an issuance of another isolation domain, or of any where its server reuses tokens. */
  #isHeldElsewhere({ sha256, reuses }: NonNullable<Outcome['token']>, own: Issuance): boolean {
    const domainOf = ({ isolation, run, workflow }: Issuance): string => (isolation === 'run' ? `run ${run}` : `workflow ${workflow}`);
    return [...this.#issuances.values()].some(
      (other) => other.tokenSha256 === sha256 && this.#isLive(other) && (reuses === true || domainOf(other) !== domainOf(own)),
    );
  }

  #isActive(id: string): boolean {
    const run = this.runs.get(id);
    const lineage = [id, ...(run?.ancestors ?? [])].map((member) => this.runs.get(member));
    return lineage.every((member) => member !== undefined && member.endedAt === null && member.expiresAt > this.clock.now());
  }

  #isLive({ state, revocation, servedUntil }: Pick<Issuance, 'state' | 'revocation' | 'servedUntil'>): boolean {
    return state === 'issued' && revocation === null && servedUntil > this.clock.now();
  }
}
