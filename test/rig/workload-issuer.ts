import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK, type JWTPayload } from 'jose';

export interface SigningKey {
  readonly algorithm: string;
  readonly kid: string;
  readonly privateKey: CryptoKey;
  readonly publicJwk: JWK;
}

/** A platform that signs JWTs for its workloads: its metadata and its keys, on loopback, and a way to sign with them. */
export interface WorkloadIssuer {
  readonly url: string;
  readonly key: SigningKey;
  /** What it publishes as its keys from now on. */
  publish(keys: readonly unknown[]): void;
  /** How often its keys were asked for. */
  fetches(): number;
  stop(): Promise<void>;
}

/** Keys as they come: the private half can be exported, for those who misuse one. */
export async function newSigningKey(algorithm = 'ES256', members: Readonly<JWK> = {}): Promise<SigningKey> {
  const { privateKey, publicKey } = await generateKeyPair(algorithm, { extractable: true });
  const kid = members.kid ?? randomUUID();
  return { algorithm, kid, privateKey, publicJwk: { ...(await exportJWK(publicKey)), kid, use: 'sig', ...members } };
}

export async function sign(key: SigningKey, claims: JWTPayload, header: Readonly<Record<string, unknown>> = {}): Promise<string> {
  return new SignJWT(claims).setProtectedHeader({ alg: key.algorithm, kid: key.kid, ...header }).sign(key.privateKey);
}

export async function startWorkloadIssuer(algorithm = 'ES256', members: Readonly<JWK> = {}): Promise<WorkloadIssuer> {
  const key = await newSigningKey(algorithm, members);
  let keys: readonly unknown[] = [key.publicJwk];
  let fetches = 0;
  let url = '';
  const server = http.createServer((request, response) => {
    const body = (): unknown => {
      if (request.url === '/.well-known/openid-configuration') return { issuer: url, jwks_uri: `${url}/keys` };
      if (request.url !== '/keys') return null;
      fetches++;
      return { keys };
    };
    const json = body();
    response.writeHead(json === null ? 404 : 200, { 'content-type': 'application/json' }).end(JSON.stringify(json));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new TypeError('the port is unknown');
  url = `http://127.0.0.1:${address.port}`;
  return {
    url,
    key,
    publish: (published) => {
      keys = published;
    },
    fetches: () => fetches,
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
