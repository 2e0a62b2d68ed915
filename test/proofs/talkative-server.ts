import { randomBytes } from 'node:crypto';
import {
  HostileAuthorizationServer,
  json,
  raw,
  redirect,
  text,
  type Behaviour,
  type SeenRequest,
} from '../rig/hostile-authorization-server.js';
import type { Canary } from './needles.js';

export const uri = 'https://crm.example/api';

/** By the scope that is asked for: what it issues. */
const issues: Readonly<Record<string, (token: string) => Behaviour>> = {
  'case:good': (token) => issue(token, 'case:good'),
  'case:more': (token) => issue(token, 'case:more'),
  'case:broader': (token) => issue(token, 'case:broader case:admin'),
  'case:stubborn': (token) => issue(`stubborn.${token}`, 'case:stubborn case:admin'),
  'case:type': (token) =>
    json({ access_token: token, token_type: 'Mac', mac_key: token, refresh_token: `refresh-${token}`, expires_in: 300 }),
  'case:twice': (token) => json(`{"access_token":"${token}","token_type":"Bearer","access_token":"${token}"}`),
  'case:unfinished': (token) => text(`{"access_token":"${token}","token_type":"Bea`, 200, { 'content-type': 'application/json' }),
};
/** Likewise: how it repeats what it was told. */
const repeats: Readonly<Record<string, (told: string) => Behaviour>> = {
  'case:error': (told) => json({ error: 'invalid_client', error_description: told, error_uri: told }, 401),
  'case:code': (told) => json({ error: told }, 400),
  'case:header': (told) => json({}, 401, { 'www-authenticate': `Basic realm="${told}"`, 'retry-after': told }),
  'case:html': (told) => text(`<html>${told}</html>`, 500),
  'case:redirect': (told) => redirect(`/elsewhere?${told}`, 307),
  'case:broken': (told) => raw(`HTTP/1.1 ${told}\r\n${told}\r\n\r\n`),
};
export const scopes: readonly string[] = [...Object.keys(issues), ...Object.keys(repeats), 'case:admin'];
/** Those for which nobody gets a token. */
export const vainScopes = scopes.filter((scope) => !['case:good', 'case:more', 'case:admin'].includes(scope));

/** An authorization server that repeats in every answer what it was told; it knows what must not be seen. */
export class TalkativeServer {
  readonly #issued: { readonly scope: string; readonly token: string }[] = [];

  private constructor(private readonly server: HostileAuthorizationServer) {
    server.publish().at('/token', (response, request) => this.#token(request)(response, request));
    // what it does not want to revoke it repeats
    server.at('/revoke', (response, request) => {
      const token = new URLSearchParams(request.body).get('token') ?? '';
      const answer = token.startsWith('stubborn') ? json({ error: 'invalid_request', error_description: token }, 400) : json({});
      return answer(response, request);
    });
  }

  static async start(): Promise<TalkativeServer> {
    return new TalkativeServer(await HostileAuthorizationServer.start());
  }

  get issuer(): string {
    return this.server.issuer;
  }

  /** The tokens that it issued for a scope. */
  tokens(scope: string): readonly string[] {
    return this.#issued.filter((issued) => issued.scope === scope).map(({ token }) => token);
  }

  /** What it was given and what it gave: tokens, assertions and Authorization headers. */
  secrets(): readonly Canary[] {
    const seen = this.server.requests.flatMap(({ headers, body }) => [
      ['an Authorization header to the server', headers.authorization?.split(' ')[1]],
      ['an assertion to the server', new URLSearchParams(body).get('client_assertion')],
    ]);
    const canaries = [...seen, ...this.#issued.map(({ token }) => ['an upstream token', token])];
    return canaries.flatMap(([what, secret]) => (what && secret ? [{ what, text: secret }] : []));
  }

  revocations(): number {
    return this.server.requestsAt('/revoke').length;
  }

  stop(): Promise<void> {
    return this.server.stop();
  }

  #token(request: SeenRequest): Behaviour {
    const scope = new URLSearchParams(request.body).get('scope') ?? '';
    const token = randomBytes(32).toString('base64url');
    const issued = issues[scope]?.(token);
    if (issued === undefined) return repeats[scope]?.(onOneLine(request)) ?? text('not found', 404);
    this.#issued.push({ scope, token });
    return issued;
  }
}

function issue(token: string, scope: string): Behaviour {
  return json({ access_token: token, token_type: 'Bearer', expires_in: 300, scope });
}

/** So that it fits into a header. */
function onOneLine({ headers, body }: SeenRequest): string {
  return `${headers.authorization ?? ''} ${body}`;
}
