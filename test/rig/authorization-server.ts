import path from 'node:path';
import type { JWK } from 'jose';
import { Agent, fetch } from 'undici';
import { z } from 'zod';
import type { UpstreamAuthenticationMethod } from '../../src/catalogue/client-methods.js';
import { startNode } from './node-process.js';

/** A client as it is registered there (RFC 7591 §2): by a secret, by keys, or by the URL of keys. */
export interface RegisteredClient {
  readonly client_id: string;
  readonly token_endpoint_auth_method: UpstreamAuthenticationMethod;
  readonly token_endpoint_auth_signing_alg?: string;
  /** A DNS name in the certificate of an authority (RFC 8705 §2.1.2). */
  readonly tls_client_auth_san_dns?: string;
  readonly tls_client_certificate_bound_access_tokens?: boolean;
  readonly dpop_bound_access_tokens?: boolean;
  readonly client_secret?: string;
  readonly jwks?: { readonly keys: readonly JWK[] };
  readonly jwks_uri?: string;
}

/** What it knows of a protected resource. `ttl` in seconds; a JWT unless it says otherwise. */
export interface RegisteredResource {
  readonly scopes: readonly string[];
  readonly ttl?: number;
  readonly format?: 'jwt' | 'opaque';
}

/** How long, in milliseconds, it waits before it looks at a token request and, once it has issued, before it answers. */
export interface Delays {
  readonly before?: number;
  readonly after?: number;
}

export interface AuthorizationServerOptions {
  readonly clients: readonly RegisteredClient[];
  /** By resource indicator. */
  readonly resources: Readonly<Record<string, RegisteredResource>>;
  readonly delays?: Delays;
  /** Speaks TLS under this name, knows certificates of clients (by themselves or by `clientAuthority`) and proofs of possession. */
  readonly tls?: {
    readonly host: string;
    readonly key: string;
    readonly cert: string;
    readonly ca: string;
    readonly clientAuthority?: string;
    /** Asks for certificates at a listener of its own, whose endpoints are the aliases of all others (RFC 8705 §5). */
    readonly certificatesApart?: boolean;
  };
  /** Any free one when absent. */
  readonly port?: number;
}

const issuedToken = z.object({
  client_id: z.string(),
  /** The token's `jti`; null for an opaque token. */
  jti: z.string().nullable(),
  /** Of the token's text, in hex. */
  sha256: z.string(),
  /** The `jti` of the assertion that the client authenticated with. */
  assertion_jti: z.string().nullable(),
  scope: z.string(),
  resource: z.string().nullable(),
  /** Milliseconds since 1970. */
  issued_at: z.number(),
  expires_at: z.number(),
  revoked_at: z.number().nullable(),
});

/** One line of the authorization server's own list. */
export type IssuedToken = z.infer<typeof issuedToken>;

export interface RunningAuthorizationServer {
  readonly issuer: string;
  /** What it issued, in order, whether or not an answer arrived anywhere. */
  issued(): Promise<readonly IssuedToken[]>;
  /** How often each route was asked, by `POST /token` and the like. */
  requests(): Promise<Readonly<Record<string, number>>>;
  delay(delays: Delays): Promise<void>;
  /** From now on these routes, by `POST /token/revocation` and the like, answer with this status and do nothing; all others are well. */
  outages(statuses: Readonly<Record<string, number>>): Promise<void>;
  stop(): Promise<void>;
}

const script = path.resolve(import.meta.dirname, 'oauth-server/main.mjs');

/** Starts oidc-provider as a process of its own on loopback, so that no crash of ours can touch what it remembers. */
export async function startAuthorizationServer(options: AuthorizationServerOptions): Promise<RunningAuthorizationServer> {
  const { said, stop } = await startNode(script, { input: options });
  const { issuer } = z.object({ issuer: z.string() }).parse(said);
  const dispatcher = new Agent(options.tls === undefined ? {} : { connect: { ca: options.tls.ca } });
  const read = async (route: string, init?: { method: string; body: string }): Promise<unknown> =>
    (await fetch(`${issuer}/rig/${route}`, { ...init, dispatcher })).json();
  return {
    issuer,
    issued: async () => z.object({ issued: z.array(issuedToken) }).parse(await read('issued')).issued,
    requests: async () => z.record(z.string(), z.number()).parse(await read('requests')),
    delay: async (delays) => void (await read('delays', { method: 'PUT', body: JSON.stringify(delays) })),
    outages: async (statuses) => void (await read('outages', { method: 'PUT', body: JSON.stringify(statuses) })),
    stop: async () => {
      await dispatcher.close();
      await stop();
    },
  };
}
