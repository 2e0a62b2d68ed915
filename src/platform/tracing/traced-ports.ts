import { EntryLog, type Append, type Appended } from '../../attribution/entry-log.js';
import type { Spans } from '../../issuance/spans.js';
import { UpstreamHttp, type UpstreamRequest, type UpstreamResponse } from '../../upstreams/upstream-http.js';
import type { OtelSpans } from './otel-spans.js';

/** The record, each write to it a span. */
export class TracedLog extends EntryLog {
  constructor(
    private readonly log: EntryLog,
    private readonly spans: Spans,
  ) {
    super();
  }

  override append(items: readonly Append[]): Promise<readonly Appended[]> {
    return this.spans.step('record', (span) => {
      const [first] = items;
      if (first !== undefined) span.note({ 'corridor.entry': first.entry.id, 'corridor.entry_type': first.entry.type });
      return this.log.append(items);
    });
  }
}

/** The way to upstream servers, each exchange a span, of which the authorization servers of the catalogue are told. */
export class TracedHttp extends UpstreamHttp {
  constructor(
    private readonly http: UpstreamHttp,
    private readonly spans: OtelSpans,
  ) {
    super();
  }

  override exchange(request: UpstreamRequest): Promise<UpstreamResponse> {
    const { server, kind } = request;
    return this.spans.exchange(`${request.method} ${kind ?? 'other'}`, async (span, traceparent) => {
      span.note({ 'http.request.method': request.method, 'corridor.authorization_server': server ?? 'none' });
      const told = traceparent === null || server === undefined ? request : { ...request, headers: { ...request.headers, traceparent } };
      const response = await this.http.exchange(told);
      span.note({ 'http.response.status_code': response.status });
      return response;
    });
  }
}
