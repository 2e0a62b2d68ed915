import type { Decision } from './decision.js';

/** A decision, and its input (canonical JSON) for as long as nobody has said that it is stored. */
export interface Decided {
  readonly decision: Decision;
  readonly freshInput: string | null;
}

const REMEMBERED = 10_000;

/** Decisions by the question that they answer. Bounded: what was not asked for longest is forgotten first. */
export class RememberedDecisions {
  readonly #decisions = new Map<string, Decided>();

  get(key: string): Decided | null {
    const decided = this.#decisions.get(key);
    if (decided === undefined) return null;
    this.#decisions.delete(key);
    this.#decisions.set(key, decided);
    return decided;
  }

  set(key: string, decided: Decided): void {
    this.#decisions.delete(key);
    this.#decisions.set(key, decided);
    if (this.#decisions.size > REMEMBERED) this.#decisions.delete(this.#decisions.keys().next().value ?? key);
  }

  /** From now on the decision comes without its input. */
  inputIsStored(key: string): void {
    const decided = this.#decisions.get(key);
    if (decided !== undefined && decided.freshInput !== null) this.#decisions.set(key, { ...decided, freshInput: null });
  }
}
