import { calculateJwkThumbprint, exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK } from 'jose';
import type { Clock } from '../oauth/clock.js';
import type { Randomness } from '../oauth/identifier.js';
import { Secret } from '../oauth/secret.js';
import { UpstreamFailed } from './upstream-failed.js';
import { UpstreamExchangeFailed, type UpstreamResponse } from './upstream-http.js';

/** A key that proves possession (RFC 9449), and nothing else: tokens that are bound to it are good for its holder alone. */
export interface ProofKey {
  readonly algorithm: string;
  /** RFC 7638, as `cnf.jkt` says it. */
  readonly thumbprint: string;
  readonly publicKey: JWK;
  readonly privateKey: CryptoKey;
}

/** A proof for one request. `answered` is to be told of its answer, which may hold the nonce of the next. */
export interface Proof {
  readonly text: Secret;
  answered(answer: UpstreamResponse | UpstreamExchangeFailed): void;
}

/** In the order in which they are preferred where a server leaves the choice (CONFORMANCE A36). */
const ALGORITHMS = ['ES256', 'Ed25519', 'EdDSA', 'PS256', 'ES384', 'ES512', 'RS256'] as const;
const REMEMBERED = 1024;
/** RFC 9449 §8.1; two headers are joined with a space, and are none. */
const NONCE = /^[\x21\x23-\x5b\x5d-\x7e]{1,512}$/;

/**
 * Proofs of possession towards authorization servers: a key for each version of a credential, separate from every other key (CONFORMANCE
 * A27), and the latest nonce of each server. The keys live as long as the process and are kept nowhere: a token that outlives its key is
 * useless, also to us.
 */
export class ProofsOfPossession {
  readonly #keys = new Map<string, Promise<ProofKey>>();
  readonly #nonces = new Map<string, string>();

  constructor(
    private readonly clock: Clock,
    private readonly randomness: Randomness,
  ) {}

  /**
   * The key for a version of a credential. `algorithms` are those that the server takes, or null where it does not say.
   * @throws UpstreamFailed `algorithm_unsupported`
   */
  keyFor(credential: string, algorithms: readonly string[] | null): Promise<ProofKey> {
    const algorithm = ALGORITHMS.find((each) => algorithms?.includes(each) ?? true);
    if (algorithm === undefined) throw new UpstreamFailed('algorithm_unsupported');
    const name = `${credential} ${algorithm}`;
    const key = this.#keys.get(name) ?? newKey(algorithm);
    remember(this.#keys, name, key);
    return key;
  }

  /** A new proof for a POST to this URL (RFC 9449 §4.2): `htu` is the URL that is called, without query and fragment. */
  async prove(key: ProofKey, url: string): Promise<Proof> {
    const server = new URL(url).origin;
    const nonce = this.#nonces.get(server);
    const text = await new SignJWT({ htm: 'POST', htu: url.replace(/[?#].*$/, ''), ...(nonce !== undefined && { nonce }) })
      .setProtectedHeader({ typ: 'dpop+jwt', alg: key.algorithm, jwk: key.publicKey })
      .setJti(Buffer.from(this.randomness.bytes(20)).toString('base64url'))
      .setIssuedAt(Math.floor(this.clock.now() / 1000))
      .sign(key.privateKey);
    return { text: new Secret(text), answered: (answer) => this.#noteNonce(server, answer) };
  }

  /** Of any answer, also of a success (RFC 9449 §8.2). A resource server's nonce never comes here. */
  #noteNonce(server: string, answer: UpstreamResponse | UpstreamExchangeFailed): void {
    const nonce = answer instanceof UpstreamExchangeFailed ? null : nonceOf(answer);
    if (nonce !== null) remember(this.#nonces, server, nonce);
  }
}

/** The nonce that a server wants to see in the next proof, or null. */
export function nonceOf({ headers }: UpstreamResponse): string | null {
  const nonce = headers['dpop-nonce'];
  return nonce !== undefined && NONCE.test(nonce) ? nonce : null;
}

async function newKey(algorithm: string): Promise<ProofKey> {
  const { publicKey, privateKey } = await generateKeyPair(algorithm);
  const jwk = await exportJWK(publicKey);
  return { algorithm, thumbprint: await calculateJwkThumbprint(jwk), publicKey: jwk, privateKey };
}

function remember<Value>(among: Map<string, Value>, name: string, value: Value): void {
  among.delete(name);
  among.set(name, value);
  const [oldest] = among.keys();
  if (among.size > REMEMBERED && oldest !== undefined) among.delete(oldest);
}
