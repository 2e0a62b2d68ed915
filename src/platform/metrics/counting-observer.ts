import type { Answer } from '../../issuance/answer.js';
import type { Decided } from '../../issuance/decided.js';
import { Observer } from '../../issuance/observer.js';
import { Tally } from './tally.js';

/** Of the path of a release: what it is told is counted in memory and poured into the metrics when they are read. */
export class CountingObserver extends Observer {
  readonly decisions = new Tally();
  readonly releases = new Tally();
  readonly faults = new Tally();
  readonly renewals = new Tally();
  misses = 0;

  /** `flushed` in seconds. */
  constructor(private readonly flush: (entries: number, seconds: number) => void) {
    super();
  }

  override answered(decided: Decided, answer: Answer): void {
    // it is decided anew, and then counted
    if (answer.kind === 'again') return;
    this.decisions.count(decided.kind, decided.decision.reasons[0]?.code ?? 'none');
    if (answer.kind === 'released') {
      this.releases.count(answer.from);
      if (answer.from !== 'cached') this.misses++;
    } else if (decided.kind === 'allowed') {
      this.misses++;
      if (answer.fault !== undefined) this.faults.count(decided.admitted.server.id, answer.fault);
    }
  }

  override limited(): void {
    this.decisions.count('refused', 'rate_limited');
  }

  override renewed(outcome: 'renewed' | 'over' | 'later'): void {
    this.renewals.count(outcome);
  }

  override flushed(entries: number, milliseconds: number): void {
    this.flush(entries, milliseconds / 1000);
  }
}
