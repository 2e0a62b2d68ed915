import type { Answer } from './answer.js';
import type { Decided } from './decided.js';

/**
 * Told of what happened, for figures and nothing else.
 *
 * It MUST NOT throw, wait or keep what it is told: it counts. Nothing rests on it.
 */
export abstract class Observer {
  /** A token request was decided and came to this. */
  abstract answered(decided: Decided, answer: Answer): void;
  /** A token request was over a limit, and not decided. */
  abstract limited(): void;
  abstract renewed(outcome: 'renewed' | 'over' | 'later'): void;
  /** The record was written to, so many entries at once. */
  abstract flushed(entries: number, milliseconds: number): void;
}

class Unobserved extends Observer {
  override answered(): void {}
  override limited(): void {}
  override renewed(): void {}
  override flushed(): void {}
}

/** Where nobody wants figures. */
export const unobserved: Observer = new Unobserved();
