import { AsyncLocalStorage } from 'node:async_hooks';
import { hostname } from 'node:os';
import {
  isSpanContextValid,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
  type Context,
  type Tracer,
} from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { AlwaysOffSampler, BatchSpanProcessor, ParentBasedSampler, TracerProvider } from '@opentelemetry/sdk-trace';
import { noSpan, Spans, type Span } from '../../issuance/spans.js';
import { within } from '../../oauth/within.js';
import { OAuthError } from '../../oauth/errors.js';
import { UpstreamExchangeFailed } from '../../upstreams/upstream-http.js';

/** Spans that wait to be sent: one more is dropped. They go together, so many at most, and no sooner than after so many milliseconds. */
const WAITING = 2_048;
const AT_ONCE = 512;
const DELAY = 1_000;
/** Milliseconds for one of these to arrive, and for the rest at the end. */
const DEADLINE = 5_000;
const LAST_DEADLINE = 2_000;

/** Traces by OpenTelemetry, sent as OTLP over HTTP. Whether a request is traced is its agent's word: the sampled flag of its `traceparent`. */
export class OtelSpans extends Spans {
  readonly #current = new AsyncLocalStorage<Context>();
  readonly #provider: TracerProvider;
  readonly #tracer: Tracer;

  /** `endpoint` is the base URL of a collector, which `headers` go to. */
  constructor(endpoint: string, headers: Readonly<Record<string, string>> = {}) {
    super();
    const exporter = new OTLPTraceExporter({ url: `${endpoint}/v1/traces`, headers: { ...headers }, timeoutMillis: DEADLINE });
    const batches = {
      exporter,
      maxQueueSize: WAITING,
      maxExportBatchSize: AT_ONCE,
      scheduledDelayMillis: DELAY,
      exportTimeoutMillis: DEADLINE,
    };
    this.#provider = new TracerProvider({
      resource: resourceFromAttributes({ 'service.name': 'corridor', 'host.name': hostname(), 'process.pid': process.pid }),
      sampler: new ParentBasedSampler({ root: new AlwaysOffSampler() }),
      spanProcessors: [new BatchSpanProcessor(batches)],
    });
    this.#tracer = this.#provider.getTracer('corridor');
  }

  override request<T>(traceparent: string | null, work: (span: Span) => Promise<T>): Promise<T> {
    const parent = traceparent === null ? null : contextOf(traceparent);
    return parent === null ? work(noSpan) : this.#around('POST /oauth2/token', SpanKind.SERVER, parent, work);
  }

  override step<T>(name: string, work: (span: Span) => Promise<T>): Promise<T> {
    const parent = this.#current.getStore();
    return parent === undefined ? work(noSpan) : this.#around(name, SpanKind.INTERNAL, parent, work);
  }

  /** Around an exchange with another server, which gets to know this `traceparent`; null where nothing is traced. */
  exchange<T>(name: string, work: (span: Span, traceparent: string | null) => Promise<T>): Promise<T> {
    const parent = this.#current.getStore();
    if (parent === undefined) return work(noSpan, null);
    return this.#around(name, SpanKind.CLIENT, parent, (span) => work(span, traceparentOf(this.#current.getStore())));
  }

  /** Sends what waits, if that goes quickly. */
  async close(): Promise<void> {
    await within(
      LAST_DEADLINE,
      this.#provider.shutdown().catch(() => undefined),
    );
  }

  async #around<T>(name: string, kind: SpanKind, parent: Context, work: (span: Span) => Promise<T>): Promise<T> {
    const span = this.#tracer.startSpan(name, { kind }, parent);
    try {
      return await this.#current.run(trace.setSpan(parent, span), () =>
        work({ note: (attributes) => void span.setAttributes(attributes) }),
      );
    } catch (error) {
      span.setStatus({ code: SpanStatusCode.ERROR });
      span.setAttribute('error.type', typeOf(error));
      throw error;
    } finally {
      span.end();
    }
  }
}

/** Null where it is not to be traced: the agent did not sample it, or its ids are zeros. */
function contextOf(traceparent: string): Context | null {
  const [, traceId = '', spanId = '', flags = ''] = traceparent.split('-');
  const isSampled = (Number.parseInt(flags, 16) & 1) === 1;
  const context = { traceId, spanId, traceFlags: TraceFlags.SAMPLED, isRemote: true };
  return isSampled && isSpanContextValid(context) ? trace.setSpanContext(ROOT_CONTEXT, context) : null;
}

function traceparentOf(context: Context | undefined): string | null {
  const span = context === undefined ? undefined : trace.getSpanContext(context);
  return span === undefined ? null : `00-${span.traceId}-${span.spanId}-01`;
}

/** A code, or the name of the error: its message may hold what must not be seen. */
function typeOf(error: unknown): string {
  if (error instanceof OAuthError) return error.code;
  if (error instanceof UpstreamExchangeFailed) return error.fault;
  return error instanceof Error ? error.name : 'unknown';
}
