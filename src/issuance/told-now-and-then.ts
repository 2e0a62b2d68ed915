const EVERY = 10_000;
const REMEMBERED = 10_000;

/**
 * Lets one of many of a kind be told every 10 seconds, with the number of those that were not. Bounded: the oldest kind is forgotten
 * first, and is then told again. `now` in milliseconds.
 */
export class ToldNowAndThen {
  readonly #told = new Map<string, { at: number; suppressed: number }>();

  /** How many were suppressed since the last that was told; null when this one is to be suppressed too. */
  tell(kind: string, now: number): number | null {
    const told = this.#told.get(kind);
    if (told !== undefined && now - told.at < EVERY) {
      told.suppressed++;
      return null;
    }
    this.#told.delete(kind);
    this.#told.set(kind, { at: now, suppressed: 0 });
    if (this.#told.size > REMEMBERED) this.#told.delete(this.#told.keys().next().value ?? kind);
    return told?.suppressed ?? 0;
  }
}
