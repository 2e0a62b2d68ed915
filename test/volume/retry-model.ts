/** What became of one attempt, as the server did it. `retryAfter` in seconds is what it said, if that makes sense. */
export type Meaning =
  | { readonly kind: 'token' }
  | { readonly kind: 'this_request' }
  | { readonly kind: 'outage'; readonly throttled: boolean; readonly retryAfter: number | null };

interface Key {
  underWay: boolean;
  /** Milliseconds. */
  pause: number;
  until: number;
}

const TOO_MANY = 5;
const AT_ONCE = 64;

/**
 * What docs/cache-and-renewal.md says of retries, without jitter, told again from the server's side: it is asked at each attempt whether
 * that was allowed. What happens in the same millisecond may have happened in either order.
 */
export class RetryModel {
  readonly violations: string[] = [];
  readonly #keys = new Map<string, Key>();
  #underWay = 0;
  #outages = 0;
  #pause = 0;
  #openedAt = -Infinity;
  #openUntil = 0;
  #probing = false;

  /** Gives what is to be called with what became of it. */
  begin(name: string, at: number): (meaning: Meaning, now: number) => void {
    const key = this.#keys.get(name) ?? { underWay: false, pause: 0, until: 0 };
    this.#keys.set(name, key);
    if (key.underWay) this.#violated(at, 'the same is asked for twice at once');
    if (at < key.until) this.#violated(at, `the same is asked for ${key.until - at} ms too early`);
    if (++this.#underWay > AT_ONCE) this.#violated(at, `${this.#underWay} attempts at once`);
    const isOpen = this.#pause > 0 && at !== this.#openedAt;
    if (isOpen && at < this.#openUntil) this.#violated(at, `asked while the circuit was open for another ${this.#openUntil - at} ms`);
    if (isOpen && this.#probing) this.#violated(at, 'asked while another one probes');
    if (isOpen) this.#probing = true;
    key.underWay = true;
    return (meaning, now) => {
      this.#underWay--;
      key.underWay = false;
      if (isOpen) this.#probing = false;
      this.#learnOfKey(key, meaning, now);
      this.#learnOfServer(meaning, now, isOpen);
    };
  }

  #learnOfKey(key: Key, meaning: Meaning, now: number): void {
    if (meaning.kind === 'token') {
      key.pause = 0;
      key.until = 0;
      return;
    }
    key.pause = Math.min(key.pause === 0 ? 1_000 : key.pause * 2, 8_000);
    key.until = now + Math.max(key.pause, meaning.kind === 'outage' ? (meaning.retryAfter ?? 0) * 1000 : 0);
  }

  #learnOfServer(meaning: Meaning, now: number, isProbe: boolean): void {
    const isOpen = this.#pause > 0 && !isProbe;
    if (meaning.kind !== 'outage') {
      this.#outages = 0;
      if (!isOpen) this.#pause = 0;
      return;
    }
    this.#outages++;
    const told = (meaning.retryAfter ?? 0) * 1000;
    if (isOpen) {
      this.#openUntil = Math.max(this.#openUntil, told > 0 ? now + Math.max(told, this.#pause) : 0);
      return;
    }
    if (!isProbe && !meaning.throttled && meaning.retryAfter === null && this.#outages < TOO_MANY) return;
    this.#pause = Math.min(this.#pause === 0 ? 1_000 : this.#pause * 2, 30_000);
    this.#openedAt = now;
    this.#openUntil = now + Math.max(this.#pause, told);
  }

  #violated(at: number, what: string): void {
    if (this.violations.length < 20) this.violations.push(`at ${at}: ${what}`);
  }
}
