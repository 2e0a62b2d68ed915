import { UpstreamHttp, UpstreamExchangeFailed, type UpstreamRequest, type UpstreamResponse } from '../../src/upstreams/upstream-http.js';
import { issuer } from './memory-world.js';
import type { SimulatedClock } from './simulated-clock.js';

/** A token as the server knows it. Times in milliseconds since 1970, by the simulated clock. */
export interface TrueToken {
  readonly text: string;
  readonly resource: string;
  readonly scope: string;
  readonly issuedAt: number;
  readonly expiresAt: number;
}

export interface TokenCall {
  readonly at: number;
  readonly resource: string;
  readonly scope: string;
}

export type Answer = UpstreamResponse | UpstreamExchangeFailed;

/** What happens to one token request: issues as asked, or something else in its place. */
export type Behaviour = (server: TruthfulServer, request: UpstreamRequest, form: URLSearchParams) => Answer | Promise<Answer>;

/** An authorization server in this process, on the simulated clock: it keeps the truth about what it issued, whatever it answers. */
export class TruthfulServer extends UpstreamHttp {
  readonly calls: TokenCall[] = [];
  readonly tokens = new Map<string, TrueToken>();
  revocations = 0;
  /** What it says of a token; null when it has no endpoint for that. */
  introspection: ((token: TrueToken | undefined) => Answer) | null = null;
  introspections = 0;
  underWay = 0;
  mostUnderWay = 0;
  /** Milliseconds until it answers. */
  latency = 200;
  /** Seconds. */
  life = 60;
  behaviour: Behaviour = (server, _request, form) => server.issue(form);
  #issued = 0;

  constructor(readonly clock: SimulatedClock) {
    super();
  }

  override async exchange(request: UpstreamRequest): Promise<UpstreamResponse> {
    if (request.method === 'GET') return this.#metadata(request.url);
    if (request.url === `${issuer}/revoke`) {
      this.revocations++;
      return answer(200, {});
    }
    const form = new URLSearchParams(request.body);
    if (request.url === `${issuer}/introspect`) {
      this.introspections++;
      const said = this.introspection?.(this.tokens.get(form.get('token') ?? '')) ?? answer(404, {});
      if (said instanceof UpstreamExchangeFailed) throw said;
      return said;
    }
    this.calls.push({ at: this.clock.now(), resource: form.get('resource') ?? '', scope: form.get('scope') ?? '' });
    this.mostUnderWay = Math.max(this.mostUnderWay, ++this.underWay);
    try {
      if (this.latency > 0) await this.clock.sleep(this.latency);
      const result = await this.behaviour(this, request, form);
      if (result instanceof UpstreamExchangeFailed) throw result;
      return result;
    } finally {
      this.underWay--;
    }
  }

  /** A new token for what was asked. */
  issue(form: URLSearchParams, members: Readonly<Record<string, unknown>> = {}): UpstreamResponse {
    const now = this.clock.now();
    const named = members['access_token'];
    const text = typeof named === 'string' ? named : `opaque-${this.#issued++}`;
    const [resource = '', scope = ''] = [form.get('resource') ?? '', form.get('scope') ?? ''];
    this.tokens.set(text, { text, resource, scope, issuedAt: now, expiresAt: now + this.life * 1000 });
    return answer(200, { access_token: text, token_type: 'Bearer', expires_in: this.life, scope, ...members });
  }

  #metadata(url: string): UpstreamResponse {
    if (url !== `${issuer}/.well-known/oauth-authorization-server`) return answer(404, {});
    const introspects = this.introspection === null ? {} : { introspection_endpoint: `${issuer}/introspect` };
    return answer(200, { issuer, token_endpoint: `${issuer}/token`, revocation_endpoint: `${issuer}/revoke`, ...introspects });
  }
}

export function answer(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): UpstreamResponse {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return { status, headers: { 'content-type': 'application/json', ...headers }, body: Buffer.from(text) };
}

/** Never answers: the exchange ends at its deadline. */
export const hangs: Behaviour = async (server, request) => {
  await server.clock.sleep(request.deadline - server.latency);
  return new UpstreamExchangeFailed('timeout', true);
};

export const isDown: Behaviour = () => new UpstreamExchangeFailed('unreachable', false);
