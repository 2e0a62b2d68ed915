/** What the pool tells a thread. Messages are worked off in the order in which they were sent. */
export type ToThread =
  | { readonly kind: 'load'; readonly revision: string; readonly module: WebAssembly.Module; readonly data: string }
  | { readonly kind: 'forget'; readonly revision: string }
  | { readonly kind: 'evaluate'; readonly revision: string; readonly entrypoint: string; readonly input: string };

/** What a thread answers: one message for each `load` and each `evaluate`. */
export type FromThread =
  | { readonly kind: 'loaded' }
  | { readonly kind: 'unusable'; readonly why: string }
  /** `text` is JSON. */
  | { readonly kind: 'value'; readonly text: string }
  | { readonly kind: 'undefined' | 'unreadable' | 'threw' };

/**
 * Two numbers that thread and pool share, and that can be read while the thread is busy: when the evaluation that was sent last
 * began (nanoseconds of the monotonic clock that all threads have in common), or one of these; and by what number the system knows
 * the thread (0 where it does not say).
 */
export type Stamp = BigInt64Array;
export const BEGUN = 0;
export const SYSTEM_ID = 1;
export const notStarted = 0n;
export const finished = -1n;

/** The stamp goes along when the thread is started. */
export interface ThreadData {
  readonly stamp: Stamp;
}
