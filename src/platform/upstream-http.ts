import type { Dispatcher } from 'undici';
import {
  isAllowedHost,
  UpstreamExchangeFailed,
  UpstreamHttp,
  type UpstreamRequest,
  type UpstreamResponse,
} from '../upstreams/upstream-http.js';
import { AddressRefused, type ConnectionOptions } from './checked-connections.js';
import { ConnectionPools, useOf } from './connection-pools.js';

const MOST = 512;

/** The way to upstream servers, over undici. */
export class UndiciUpstreamHttp extends UpstreamHttp {
  private readonly pools: ConnectionPools;
  private readonly underWay = new Map<string, number>();

  /** At most so many exchanges of one use with one origin are under way or wait for a connection; one more is refused, and not sent. */
  constructor(
    options: ConnectionOptions = {},
    private readonly most = MOST,
  ) {
    super();
    this.pools = new ConnectionPools(options);
  }

  exchange(request: UpstreamRequest): Promise<UpstreamResponse> {
    const url = URL.canParse(request.url) ? new URL(request.url) : null;
    const allowed = url !== null && isAllowedHost(url, request.allowHosts);
    if (url === null || (url.protocol !== 'https:' && !(allowed && url.protocol === 'http:'))) {
      return Promise.reject(new UpstreamExchangeFailed('address_refused', false));
    }
    const use = `${useOf(request)} ${url.origin}`;
    const before = this.underWay.get(use) ?? 0;
    if (before >= this.most) return Promise.reject(new UpstreamExchangeFailed('overloaded', false));
    this.underWay.set(use, before + 1);
    return this.dispatch(url, allowed, request).finally(() => this.ended(use));
  }

  private ended(use: string): void {
    const left = (this.underWay.get(use) ?? 1) - 1;
    if (left === 0) this.underWay.delete(use);
    else this.underWay.set(use, left);
  }

  private dispatch(url: URL, allowed: boolean, request: UpstreamRequest): Promise<UpstreamResponse> {
    const dispatcher = this.pools.get(request, allowed);
    return new Promise((resolve, reject) => {
      const exchange = new Exchange(request, resolve, reject);
      dispatcher.dispatch(
        {
          origin: url.origin,
          path: url.pathname + url.search,
          method: request.method,
          // a compressed body could unfold without end: none is asked for, and none is read (CONFORMANCE Q32)
          headers: { ...request.headers, 'accept-encoding': 'identity' },
          body: request.body ?? null,
        },
        exchange,
      );
    });
  }

  async close(): Promise<void> {
    await this.pools.close();
  }
}

/** One exchange: gathers the response, and knows whether the request may have left. */
class Exchange implements Dispatcher.DispatchHandler {
  private controller: Dispatcher.DispatchController | null = null;
  private status = 0;
  private headers: Record<string, string> = {};
  private readonly chunks: Buffer[] = [];
  private length = 0;
  private settled = false;
  private readonly timer: NodeJS.Timeout;

  constructor(
    private readonly request: UpstreamRequest,
    private readonly resolve: (response: UpstreamResponse) => void,
    private readonly reject: (failure: UpstreamExchangeFailed) => void,
  ) {
    this.timer = setTimeout(() => this.fail('timeout'), request.deadline);
  }

  /** Called when a connection stands and immediately before the first byte is written to it. */
  onRequestStart(controller: Dispatcher.DispatchController): void {
    if (this.settled) controller.abort(new Error('the deadline passed before the request was written'));
    else this.controller = controller;
  }

  onResponseStart(
    _: Dispatcher.DispatchController,
    status: number,
    headers: Readonly<Record<string, string | string[] | undefined>>,
  ): void {
    if (status < 200) return;
    this.status = status;
    this.headers = joined(headers);
    if ((this.headers['content-encoding'] ?? 'identity').toLowerCase() !== 'identity') this.fail('response_unreadable');
    else if (Number(this.headers['content-length'] ?? 0) > this.request.maxBody) this.fail('response_too_large');
  }

  onResponseData(_: Dispatcher.DispatchController, chunk: Buffer): void {
    this.length += chunk.length;
    if (this.length > this.request.maxBody) this.fail('response_too_large');
    else this.chunks.push(chunk);
  }

  onResponseEnd(): void {
    if (!this.settle()) return;
    this.resolve({ status: this.status, headers: this.headers, body: Buffer.concat(this.chunks) });
  }

  onResponseError(_: unknown, error: Error): void {
    this.fail(this.controller === null ? faultOfConnecting(this.request.url, error) : faultOfReading(error), codeOf(error));
  }

  private fail(fault: UpstreamExchangeFailed['fault'], cause?: string): void {
    if (!this.settle()) return;
    this.reject(new UpstreamExchangeFailed(fault, this.controller !== null, { cause }));
    this.controller?.abort(new Error(fault));
  }

  private settle(): boolean {
    if (this.settled) return false;
    this.settled = true;
    clearTimeout(this.timer);
    return true;
  }
}

function joined(headers: Readonly<Record<string, string | string[] | undefined>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), [value ?? ''].flat().join(', ')]));
}

/** The code alone: an error of the parser carries bytes of the response, which may hold a token (CONFORMANCE A60). */
function codeOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}

/** What is no fault of the network, at an https address, is one of its certificate or handshake. */
const NETWORK = /^(E(CONN|HOST|NET|ADDR|AI_|TIMEDOUT|PIPE|NOTFOUND|ACCES|PERM|MFILE|NFILE)|UND_ERR_)/;

function faultOfConnecting(url: string, error: Error): UpstreamExchangeFailed['fault'] {
  if (error instanceof AddressRefused) return 'address_refused';
  return url.startsWith('https:') && !NETWORK.test(codeOf(error)) ? 'tls_failed' : 'unreachable';
}

function faultOfReading(error: Error): UpstreamExchangeFailed['fault'] {
  const code = codeOf(error);
  if (code === 'UND_ERR_HEADERS_OVERFLOW') return 'response_too_large';
  return /^(HPE_|HTTPParserError$|UND_ERR_RES_)/.test(code) ? 'response_unreadable' : 'unreachable';
}
