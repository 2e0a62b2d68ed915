import { within } from '../oauth/within.js';
import type { ActivatePolicy } from './activate-policy.js';
import type { Facts, FactsSource } from './facts.js';

/** Stable codes of why a Corridor should be sent no requests; docs and alerts go by them. */
export type UnreadyCode = 'closing' | 'database_unreachable' | 'database_behind' | 'no_policy' | 'policy_unusable' | 'clock_drift';

/** Open to everybody: it names nothing of the catalogue, of the database or of the machine. */
export interface UnreadyReason {
  readonly code: UnreadyCode;
  /** What is so, and what to do. */
  readonly message: string;
}

export interface ReadinessPorts {
  readonly facts: FactsSource;
  /** null: this process decides nothing, and needs none. */
  readonly policy: Pick<ActivatePolicy, 'isUnusable'> | null;
  /** Milliseconds by which this process and the database differ about the time. */
  readonly drift: () => number;
  /** Whether the database failed because it has lost what was seen of it. */
  readonly isBehind: (error: unknown) => boolean;
}

/** Milliseconds that the database has for its answer. */
const ANSWER_WITHIN = 1_000;
/** Milliseconds for which one look is good for all who ask: however many probes there are, the database is asked once. */
const SHARED_FOR = 1_000;
/** Milliseconds that the clocks of this machine and the database may differ (DESIGN §7 "Time"). */
export const DRIFT_BOUND = 30_000;

const unreachable: UnreadyReason = {
  code: 'database_unreachable',
  message: 'The database does not answer within a second, and nothing is released without it: see that it runs and can be reached.',
};
const behind: UnreadyReason = {
  code: 'database_behind',
  message:
    'The database has lost what was seen of it, so nothing is released: put the right one back, or acknowledge the loss with "corridor acknowledge-restore".',
};
const closing: UnreadyReason = { code: 'closing', message: 'It was told to stop, and finishes what is under way: go to another one.' };
const noPolicy: UnreadyReason = {
  code: 'no_policy',
  message: 'No policy is active, so every request is denied: put one that passes "corridor policy test" into the policy directory.',
};
const policyUnusable: UnreadyReason = {
  code: 'policy_unusable',
  message: 'The active policy cannot be evaluated by this process, so every request is denied: its log says why.',
};

/** Whether this process can release tokens. It is asked by whoever balances load, and never on the way of a token. */
export class Readiness {
  #closing = false;
  #shared: Promise<readonly UnreadyReason[]> | null = null;
  /** The codes that were told last. */
  #told = '';
  #changed: (reasons: readonly UnreadyReason[]) => void = () => undefined;

  constructor(private readonly ports: ReadinessPorts) {}

  /** Calls `changed` once for each change that a look finds, whoever looks; at first it counts as ready. */
  onChange(changed: (reasons: readonly UnreadyReason[]) => void): void {
    this.#changed = changed;
  }

  /** From now on it is not ready, whatever else is so. */
  close(): void {
    this.#closing = true;
    this.#tell([closing]);
  }

  /** Why it is not ready; empty when it is. Takes little more than a second at most, and never rejects. */
  async look(): Promise<readonly UnreadyReason[]> {
    if (this.#closing) return [closing];
    if (this.#shared === null) {
      this.#shared = this.#examine();
      setTimeout(() => (this.#shared = null), SHARED_FOR).unref();
    }
    return this.#shared;
  }

  async #examine(): Promise<readonly UnreadyReason[]> {
    const reasons = await this.#find();
    if (!this.#closing) this.#tell(reasons);
    return reasons;
  }

  #tell(reasons: readonly UnreadyReason[]): void {
    const codes = reasons.map(({ code }) => code).join(' ');
    if (codes === this.#told) return;
    this.#told = codes;
    this.#changed(reasons);
  }

  async #find(): Promise<readonly UnreadyReason[]> {
    try {
      const facts = await within(ANSWER_WITHIN, this.ports.facts.latest());
      return facts === null ? [unreachable] : [...this.#ofPolicy(facts), ...this.#ofClock()];
    } catch (error) {
      return [this.ports.isBehind(error) ? behind : unreachable];
    }
  }

  #ofPolicy({ policyRevision }: Facts): readonly UnreadyReason[] {
    const { policy } = this.ports;
    if (policy === null) return [];
    if (policyRevision === null) return [noPolicy];
    return policy.isUnusable(policyRevision) ? [policyUnusable] : [];
  }

  #ofClock(): readonly UnreadyReason[] {
    const drift = Math.abs(this.ports.drift());
    if (drift <= DRIFT_BOUND) return [];
    const message = `The clocks of this machine and of the database differ by ${Math.round(drift / 1000)} s, more than ${DRIFT_BOUND / 1000} s: have both set by NTP.`;
    return [{ code: 'clock_drift', message }];
  }
}
