import type { Call, Closure, History, Outcome, OwnerChange, Step, Subject } from './history.js';
import { errorOf, type Answered, type Asked } from './surface.js';

/** An answer that is none of those that there may be. */
export interface Unexpected {
  readonly status: number;
  readonly body: unknown;
}

/** Writes down who asked for what and when, by the one monotonic clock of this process. */
export class Chronicle implements History {
  readonly calls: Call[] = [];
  readonly closures: Closure[] = [];
  readonly owners: OwnerChange[] = [];
  readonly unexpected: Unexpected[] = [];
  /** Why requests got no answer that says yes or no, and how often. */
  readonly reasons = new Map<string, number>();

  now(): number {
    return performance.now();
  }

  /** A request that brings no token. Whoever asks is told what came back. */
  async answer(subject: Subject, ask: () => Promise<Answered>): Promise<Answered> {
    let answer: Answered = null;
    await this.call(subject, async () => ({ answer: (answer = await ask()), sha256: null, entry: null }));
    return answer;
  }

  async call(subject: Subject, ask: () => Promise<Asked>): Promise<Call> {
    const begun = this.now();
    const { answer, sha256, entry } = await ask();
    const call = { begun, ended: this.now(), subject, ...this.read(answer), entry, token: sha256 };
    this.calls.push(call);
    return call;
  }

  /** Does it, and notes from when on it was asked for and when it was acknowledged. Gives the body of the acknowledgement. */
  async closes(targets: readonly Pick<Closure, 'kind' | 'target'>[], ask: () => Promise<Answered>): Promise<Closed> {
    const shut: Step = { begun: this.now(), acknowledged: null };
    const closures = targets.map((target): Closure => ({ ...target, shut, opened: null }));
    this.closures.push(...closures);
    const answer = await ask();
    const acknowledged = this.read(answer).outcome === 'got';
    if (acknowledged) shut.acknowledged = this.now();
    return { closures, body: acknowledged ? (answer?.body ?? null) : null };
  }

  async opens(closures: readonly Closure[], ask: () => Promise<Answered>): Promise<boolean> {
    const opened: Step = { begun: this.now(), acknowledged: null };
    for (const closure of closures) closure.opened ??= opened;
    const acknowledged = this.read(await ask()).outcome === 'got';
    // a lifting that was asked for again ends what is possible, wherever an earlier one went
    if (acknowledged) for (const closure of closures) if (closure.opened !== null) closure.opened.acknowledged ??= this.now();
    return acknowledged;
  }

  /** What an answer says; what it must not say is kept. */
  read(answer: Answered): { outcome: Outcome; error: string | null } {
    if (answer === null) {
      this.#count('no answer');
      return { outcome: 'lost', error: null };
    }
    const { status, body } = answer;
    if (status === 200 || status === 201) return { outcome: 'got', error: null };
    const error = errorOf(answer);
    if (status === 503 && (error === 'temporarily_unavailable' || passing.has(error))) {
      this.#count(`told to try again: ${JSON.stringify(body['error_description'] ?? body['detail'])}`);
      return { outcome: 'lost', error };
    }
    if (status >= 400 && status < 500 && refusals.has(error)) return { outcome: 'refused', error };
    this.unexpected.push({ status, body });
    return { outcome: 'lost', error };
  }

  #count(reason: string): void {
    this.reasons.set(reason, (this.reasons.get(reason) ?? 0) + 1);
  }
}

export interface Closed {
  readonly closures: readonly Closure[];
  /** Null when it was not acknowledged. */
  readonly body: Readonly<Record<string, unknown>> | null;
}

const passing = new Set(['unavailable', 'facts_moving', 'facts_locked']);
const refusals = new Set(['access_denied', 'unauthorized_client', 'invalid_target', 'key_unknown', 'too_many_attempts']);
