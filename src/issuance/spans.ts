/** What a span says. It MUST NOT be a secret, a token, an assertion or a person. */
export type SpanAttributes = Readonly<Record<string, string | number | boolean>>;

export interface Span {
  note(attributes: SpanAttributes): void;
}

/**
 * How long the steps of a request take, for a trace that its agent began (W3C Trace Context). What `work` gives or throws is given or
 * thrown on as it is; a trace that cannot be kept or sent is lost, and delays nothing.
 */
export abstract class Spans {
  /** Around a request that came with this `traceparent`, well-formed, or with none. */
  abstract request<T>(traceparent: string | null, work: (span: Span) => Promise<T>): Promise<T>;
  /** Around a step of the request that is under way; where none is traced, the work alone. */
  abstract step<T>(name: 'decide' | 'obtain' | 'record', work: (span: Span) => Promise<T>): Promise<T>;
}

/** Where nothing is said. */
export const noSpan: Span = { note: () => undefined };

class Untraced extends Spans {
  override request<T>(_: string | null, work: (span: Span) => Promise<T>): Promise<T> {
    return work(noSpan);
  }

  override step<T>(_: string, work: (span: Span) => Promise<T>): Promise<T> {
    return work(noSpan);
  }
}

/** Where nobody wants traces. */
export const untraced: Spans = new Untraced();
