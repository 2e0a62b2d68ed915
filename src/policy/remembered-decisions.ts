import type { Decision } from './decision.js';

/** A decision, and its input (canonical JSON) for as long as nobody has said that it is stored. */
export interface Decided {
  readonly decision: Decision;
  readonly freshInput: string | null;
}

/** Names a question. `minute`: that of its inputs, since 1970; no other minute asks it. */
export interface QuestionKey {
  readonly minute: number;
  readonly text: string;
}

const REMEMBERED = 10_000;

/** Decisions of the running minute by the question that they answer. Bounded: what was not asked for longest is forgotten first. */
export class RememberedDecisions {
  #minute = 0;
  readonly #decisions = new Map<string, Decided>();

  get({ minute, text }: QuestionKey): Decided | null {
    const decided = this.#decisions.get(text);
    if (decided === undefined || minute !== this.#minute) return null;
    this.#decisions.delete(text);
    this.#decisions.set(text, decided);
    return decided;
  }

  set({ minute, text }: QuestionKey, decided: Decided): void {
    if (minute === this.#minute - 1) return; // it was asked before the minute turned, and nobody asks it again
    if (minute !== this.#minute) this.#decisions.clear();
    this.#minute = minute;
    this.#decisions.delete(text);
    this.#decisions.set(text, decided);
    if (this.#decisions.size > REMEMBERED) this.#decisions.delete(this.#decisions.keys().next().value ?? text);
  }

  /** From now on the decision comes without its input. */
  inputIsStored({ minute, text }: QuestionKey): void {
    const decided = minute === this.#minute ? this.#decisions.get(text) : undefined;
    if (decided !== undefined && decided.freshInput !== null) this.#decisions.set(text, { ...decided, freshInput: null });
  }
}
