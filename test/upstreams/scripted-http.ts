import { UpstreamExchangeFailed, UpstreamHttp, type UpstreamRequest, type UpstreamResponse } from '../../src/upstreams/upstream-http.js';
import { response } from './answers.js';

/** Answers by URL from what it was given, 404 otherwise, and keeps what it was asked. */
export class ScriptedHttp extends UpstreamHttp {
  readonly requests: UpstreamRequest[] = [];

  constructor(readonly answers: Record<string, UpstreamResponse | UpstreamExchangeFailed | (() => Promise<UpstreamResponse>)> = {}) {
    super();
  }

  get urls(): readonly string[] {
    return this.requests.map(({ url }) => url);
  }

  override async exchange(request: UpstreamRequest): Promise<UpstreamResponse> {
    this.requests.push(request);
    const answer = this.answers[request.url] ?? response(404, '');
    if (answer instanceof UpstreamExchangeFailed) throw answer;
    return typeof answer === 'function' ? answer() : answer;
  }
}
