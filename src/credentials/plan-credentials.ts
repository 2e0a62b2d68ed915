import type { AuthorizationServer, Catalogue, Client } from '../catalogue/catalogue.js';
import {
  isCertificateMethod,
  isMacAlgorithm,
  isSecretMethod,
  isSigningAlgorithm,
  type SigningAlgorithm,
} from '../catalogue/client-methods.js';
import { declared } from '../catalogue/look-up.js';
import { preferredAlgorithms } from '../catalogue/profile.js';
import { newIdentifier, type Randomness } from '../oauth/identifier.js';
import type { Secret } from '../oauth/secret.js';
import { generateKeyPair, type KeyPair } from './key-pair.js';
import { keyedDigest } from './keyed-digest.js';
import { withOwnCertificate } from './own-certificate.js';
import { KeyUnusable, readReferencedCertificate, readReferencedKey } from './referenced-key.js';
import type { CredentialBinding, CredentialVersion, SealedCredential } from './sealed-credential.js';
import { endpointMoved, mayGoTo } from './secret-binding.js';
import { SecretUnreadable, type SecretReferences } from './secret-references.js';

/**
 * Why a version is made: it is a client's first, or what differs from the one that it replaces. `secret_changed` and `rotation` are for
 * versions that must prove themselves (`plan-rotation.ts`).
 */
export type CredentialCause =
  | 'first'
  | 'source_changed'
  | 'secret_changed'
  | 'method_changed'
  | 'algorithm_changed'
  | 'certificate_needed'
  | 'issuer_changed'
  | 'endpoint_moved'
  | 'rotation';

/** A version that is to be kept, with its secret (of a key the private JWK in JSON) not yet sealed. */
export type NewCredential = Omit<SealedCredential, 'sealed'> & {
  readonly secret: Secret;
  readonly cause: CredentialCause;
  /** The version that it replaces, which is retired with it. */
  readonly replaces: string | null;
};

/** Why a client cannot have the version that it needs. What it has stays in use. */
export interface CredentialProblem {
  readonly client: string;
  readonly code: 'secret_unreadable' | 'secret_unusable' | 'key_unusable' | 'secret_bound_elsewhere';
  readonly message: string;
}

export interface CredentialPlan {
  readonly create: readonly NewCredential[];
  /** Ids of versions that are in use no more. */
  readonly retire: readonly string[];
  readonly problems: readonly CredentialProblem[];
  /** Clients, by id, whose reference holds another secret than the one in use, and one that it never held before. */
  readonly changed: readonly string[];
}

export interface CredentialPlanning {
  readonly catalogue: Catalogue;
  readonly inUse: readonly CredentialVersion[];
  /** Where secrets of versions that were retired had been bound to. */
  readonly formerBindings: readonly CredentialBinding[];
  readonly references: SecretReferences;
  readonly digestKey: Uint8Array;
  readonly randomness: Randomness;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/**
 * Decides which versions of credentials a catalogue needs, given those in use: one for each client. A version is new when it would go
 * elsewhere, or as something else; then the rotation of the one before it is over too. A secret that has merely changed is told,
 * since it is to prove itself first. Changes nothing and keeps nothing.
 */
export async function planCredentials(planning: CredentialPlanning): Promise<CredentialPlan> {
  const create: NewCredential[] = [];
  const retire: string[] = [];
  const problems: CredentialProblem[] = [];
  const changed: string[] = [];
  const bindings: CredentialBinding[] = [...planning.inUse, ...planning.formerBindings];
  for (const client of Object.values(planning.catalogue.clients)) {
    const versions = planning.inUse.filter((version) => version.client === client.id);
    const [current, ...superseded] = newestFirst(versions.filter(({ state }) => state === 'current'));
    retire.push(...superseded.map(({ id }) => id));
    const next = await nextVersion(planning, client, current ?? null, bindings);
    if (next === null) continue;
    if ('changedTo' in next) {
      const isKnown = bindings.some((known) => known.client === client.id && known.keyedDigest === next.changedTo);
      if (!isKnown) changed.push(client.id);
      continue;
    }
    if ('code' in next) {
      problems.push(next);
      continue;
    }
    create.push(next);
    bindings.push({ client: client.id, keyedDigest: next.keyedDigest, issuer: next.issuer, tokenEndpointOrigin: null });
    retire.push(...versions.filter((version) => !superseded.includes(version)).map(({ id }) => id));
  }
  const orphans = planning.inUse.filter((version) => declared(planning.catalogue.clients, version.client) === null);
  return { create, retire: [...retire, ...orphans.map(({ id }) => id)], problems, changed };
}

function newestFirst(versions: readonly CredentialVersion[]): CredentialVersion[] {
  return versions.toSorted((a, b) => b.createdAt - a.createdAt || (a.id < b.id ? 1 : -1));
}

/** Null when the version in use will do; `changedTo` is the digest of another secret for the same place. */
async function nextVersion(
  planning: CredentialPlanning,
  client: Client,
  current: CredentialVersion | null,
  bindings: readonly CredentialBinding[],
): Promise<NewCredential | CredentialProblem | { readonly changedTo: string } | null> {
  const server = declared(planning.catalogue.authorizationServers, client.authorizationServer);
  if (server === null) throw new TypeError('a client of a catalogue names no authorization server of it');
  try {
    const given = client.credential.kind === 'generate' ? null : await planning.references.read(client.credential);
    const digest = given === null ? null : keyedDigest(given, planning.digestKey);
    if (digest !== null && !mayGoTo(server, client, bindings, digest)) return boundElsewhere(client);
    const cause = causeOf(client, server, current, digest);
    if (cause === null) return null;
    if (given !== null && isTooShort(client, given)) return tooShort(client);
    if (cause === 'secret_changed' && digest !== null) return { changedTo: digest };
    const material = await materialOf(client, server, given, planning.now);
    const id = newIdentifier('cre', planning.now, planning.randomness);
    const { method } = client;
    return { id, client: client.id, method, issuer: server.issuer, keyedDigest: digest, ...material, cause, replaces: current?.id ?? null };
  } catch (error) {
    return problemOf(client, error);
  }
}

/** What keeps a version from being made, if it is that. */
export function problemOf(client: Client, error: unknown): CredentialProblem {
  if (error instanceof SecretUnreadable) return { client: client.id, code: 'secret_unreadable', message: error.message };
  if (error instanceof KeyUnusable) return { client: client.id, code: 'key_unusable', message: error.message };
  throw error;
}

function causeOf(
  client: Client,
  server: AuthorizationServer,
  current: CredentialVersion | null,
  digest: string | null,
): CredentialCause | null {
  if (current === null) return 'first';
  if (current.issuer !== server.issuer) return 'issuer_changed';
  if (endpointMoved(server, client, current)) return 'endpoint_moved';
  if (current.method !== client.method) return 'method_changed';
  if ((current.keyedDigest === null) !== (digest === null)) return 'source_changed';
  if (current.keyedDigest !== digest) return 'secret_changed';
  if (algorithmChanged(client, server, current)) return 'algorithm_changed';
  return needsCertificate(client, server) && current.key !== null && current.key.publicKey.x5c === undefined ? 'certificate_needed' : null;
}

/** Whether the key's certificate is shown to the server, in a connection or in an assertion. */
function needsCertificate({ method }: Client, { profile }: AuthorizationServer): boolean {
  return isCertificateMethod(method) || (method === 'private_key_jwt' && profile.assertionCertificate !== 'none');
}

/** Where the catalogue names none, a referenced key keeps what it was read as, and one of ours is of the server's default. */
function algorithmChanged(client: Client, server: AuthorizationServer, { key }: CredentialVersion): boolean {
  if (key === null || client.method !== 'private_key_jwt') return false;
  const wanted = client.algorithm ?? (client.credential.kind === 'generate' ? defaultAlgorithm(client, server) : key.algorithm);
  return key.algorithm !== wanted;
}

/** Of a key that Corridor makes. A certificate is shown in a connection, where the profile has no say. */
function defaultAlgorithm({ method }: Client, { profile }: AuthorizationServer): SigningAlgorithm {
  return (method === 'private_key_jwt' ? preferredAlgorithms[profile.name]?.[0] : undefined) ?? 'ES256';
}

export async function materialOf(
  client: Client,
  server: AuthorizationServer,
  given: Secret | null,
  now: number,
): Promise<Pick<NewCredential, 'key' | 'secret'>> {
  if (given !== null && isSecretMethod(client.method)) return { key: null, secret: given };
  const algorithm = client.algorithm !== undefined && isSigningAlgorithm(client.algorithm) ? client.algorithm : undefined;
  const pair =
    given === null ? await generatedPair(client, server, algorithm, now) : await referencedPair(client, server, given, algorithm, now);
  return { key: pair.key, secret: pair.privateKey };
}

async function generatedPair(
  client: Client,
  server: AuthorizationServer,
  algorithm: SigningAlgorithm | undefined,
  now: number,
): Promise<KeyPair> {
  const pair = await generateKeyPair(algorithm ?? defaultAlgorithm(client, server));
  return needsCertificate(client, server) ? withOwnCertificate(pair, client.id, now, client.rotateEvery * 1000) : pair;
}

function referencedPair(
  client: Client,
  server: AuthorizationServer,
  given: Secret,
  algorithm: SigningAlgorithm | undefined,
  now: number,
): Promise<KeyPair> {
  if (isCertificateMethod(client.method)) return readReferencedCertificate(given, now);
  return readReferencedKey(given, { algorithm, ...(needsCertificate(client, server) && { certified: { now } }) });
}

/** RFC 7518 §3.2: a key of a MAC has at least the length of its output (CONFORMANCE A17). */
export function isTooShort({ method, algorithm }: Client, given: Secret): boolean {
  return method === 'client_secret_jwt' && Buffer.byteLength(given.reveal(), 'utf8') < octetsFor(algorithm);
}

function octetsFor(algorithm: string | undefined): number {
  return algorithm !== undefined && isMacAlgorithm(algorithm) ? Number(algorithm.slice(2)) / 8 : 32;
}

export function tooShort(client: Client): CredentialProblem {
  const message =
    `its secret is shorter than the ${octetsFor(client.algorithm)} bytes that ${client.algorithm ?? 'HS256'} needs (RFC 7518 §3.2): ` +
    'have the server issue a longer one, or use client_secret_basic';
  return { client: client.id, code: 'secret_unusable', message };
}

export function boundElsewhere(client: Client): CredentialProblem {
  const message =
    'its secret was given for another issuer or another origin of the token endpoint, and is not sent elsewhere: ' +
    'have the server issue a new secret and put it where the reference points';
  return { client: client.id, code: 'secret_bound_elsewhere', message };
}
