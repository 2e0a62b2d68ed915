import { givenFor, valueOf, type Environment, type Given } from './given.js';
import { SettingsInvalid } from './settings-invalid.js';
import type { ValueOf, VariableName } from './variables.js';

/** A sentence on a variable, which names it. */
export interface Remark {
  readonly variable: string;
  readonly message: string;
}

/** Reads variables, each for itself, and keeps what is wrong with any of them. */
export class Reading {
  readonly #given = new Map<VariableName, Given>();
  readonly #problems: Remark[] = [];

  constructor(
    environment: Environment,
    private readonly directory: string,
    names: readonly VariableName[],
  ) {
    for (const name of names) {
      this.#attempt(name, () => {
        const given = givenFor(name, environment, directory);
        if (given !== null) this.#given.set(name, given);
        this.value(name);
      });
    }
  }

  /** What is set, and could be had. */
  get given(): ReadonlyMap<VariableName, Given> {
    return this.#given;
  }

  get problems(): readonly Remark[] {
    return this.#problems;
  }

  /** What a variable comes to that is not broken. */
  value<N extends VariableName>(name: N): ValueOf<N> {
    return valueOf(name, this.#given.get(name) ?? null, this.directory);
  }

  isBroken(names: readonly string[]): boolean {
    return this.#problems.some(({ variable }) => names.includes(variable));
  }

  /** What several come to together, where none of them is broken; null where they contradict, for which the first is blamed. */
  together<T>([first, ...others]: readonly [VariableName, ...VariableName[]], work: () => T): T | null {
    return this.isBroken([first, ...others]) ? null : this.#attempt(first, work);
  }

  #attempt<T>(variable: VariableName, work: () => T): T | null {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof SettingsInvalid)) throw error;
      this.#problems.push({ variable, message: error.message });
      return null;
    }
  }
}
