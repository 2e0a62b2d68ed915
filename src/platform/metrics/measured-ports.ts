import { performance } from 'node:perf_hooks';
import { SecurityLog } from '../../access/security-log.js';
import { type CompiledPolicy, type EvaluationResult, PolicyEvaluator } from '../../policy/evaluator.js';
import { UpstreamExchangeFailed, UpstreamHttp, type UpstreamRequest, type UpstreamResponse } from '../../upstreams/upstream-http.js';

/** Told of each exchange: `error` is its class, null when it brought what was hoped for. */
export type ExchangeSeen = (request: UpstreamRequest, seconds: number, error: string | null) => void;

/** The way to upstream servers, with its time taken. */
export class MeasuredHttp extends UpstreamHttp {
  constructor(
    private readonly http: UpstreamHttp,
    private readonly seen: ExchangeSeen,
  ) {
    super();
  }

  override async exchange(request: UpstreamRequest): Promise<UpstreamResponse> {
    const begun = performance.now();
    try {
      const response = await this.http.exchange(request);
      this.seen(request, since(begun), response.status < 300 ? null : `http_${Math.floor(response.status / 100)}xx`);
      return response;
    } catch (error) {
      this.seen(request, since(begun), error instanceof UpstreamExchangeFailed ? error.fault : 'failed');
      throw error;
    }
  }
}

/** The evaluation of policies, with its time taken. */
export class MeasuredEvaluator extends PolicyEvaluator {
  constructor(
    private readonly evaluator: PolicyEvaluator,
    private readonly seen: (seconds: number, result: EvaluationResult['kind']) => void,
  ) {
    super();
  }

  override async evaluate(revision: string, entrypoint: string, inputJson: string): Promise<EvaluationResult> {
    const begun = performance.now();
    const result = await this.evaluator.evaluate(revision, entrypoint, inputJson);
    this.seen(since(begun), result.kind);
    return result;
  }

  override load(revision: string, policy: CompiledPolicy): Promise<void> {
    return this.evaluator.load(revision, policy);
  }

  override readsCounters(revision: string, entrypoint: string): boolean {
    return this.evaluator.readsCounters(revision, entrypoint);
  }

  override close(): Promise<void> {
    return this.evaluator.close();
  }
}

/** The security log, with its lines counted. */
export class CountedSecurityLog extends SecurityLog {
  constructor(
    private readonly log: SecurityLog,
    private readonly seen: (event: string, surface: string) => void,
  ) {
    super();
  }

  override write(event: Parameters<SecurityLog['write']>[0]): void {
    this.seen(event.event, 'surface' in event ? event.surface : 'api');
    this.log.write(event);
  }
}

function since(begun: number): number {
  return (performance.now() - begun) / 1000;
}
