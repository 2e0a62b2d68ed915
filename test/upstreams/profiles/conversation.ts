import { preferredAlgorithms, profiles, standardProfile, type Profile } from '../../../src/catalogue/profile.js';
import { Scope } from '../../../src/oauth/scope.js';
import type { Signing } from '../../../src/upstreams/client-assertion.js';
import type { ServerMetadata } from '../../../src/upstreams/metadata.js';
import { prepareRevocation, readRevocationResponse, sendRevocation, type RevocationOutcome } from '../../../src/upstreams/revocation.js';
import { prepareTokenRequest, sendTokenRequest } from '../../../src/upstreams/token-request.js';
import { readTokenResponse } from '../../../src/upstreams/token-response.js';
import type { TokenWish, UpstreamOutcome, UpstreamToken } from '../../../src/upstreams/token.js';
import type { UpstreamHttp } from '../../../src/upstreams/upstream-http.js';
import { json, type Behaviour, type HostileAuthorizationServer } from '../../rig/hostile-authorization-server.js';
import { client as open, hostile } from '../exchanges.js';
import type { Credential } from '../../../src/credentials/credential.js';
import { generateKeyPair } from '../../../src/credentials/key-pair.js';
import { withOwnCertificate } from '../../../src/credentials/own-certificate.js';
import { client, keyCredential, metadata, NOW, resource, secretCredential, server, signing, wish } from '../wish.js';
import { askedOf, refuse, type Vendor } from './vendor.js';

/** What a test says to a vendor's server, over a wire and with everything that Corridor does on the way. */
export interface Conversation {
  readonly origin: string;
  readonly requests: HostileAuthorizationServer['requests'];
  /** `deadline`: milliseconds for the exchange. */
  obtain(scopes?: readonly string[], deadline?: number): Promise<UpstreamOutcome>;
  revoke(token: UpstreamToken): Promise<RevocationOutcome>;
  /** Answers token requests in this way from now on. */
  answer(behaviour: Behaviour): void;
  /** What is said, and how, for whoever says it in another way. */
  readonly asking: { readonly wish: TokenWish; readonly metadata: ServerMetadata; readonly http: UpstreamHttp; readonly signing: Signing };
}

export interface Deviation {
  /** Another profile than the vendor's. */
  readonly profile?: Profile;
  readonly verifyAudience?: boolean;
  readonly clientId?: string;
  /** Of another resource than the vendor's. */
  readonly uri?: string;
  readonly secret?: string;
  /** With a proof of possession, for a token that is bound to its key (RFC 9449). */
  readonly proves?: true;
}

export async function converse(vendor: Vendor, deviation: Deviation = {}): Promise<Conversation> {
  const at = await hostile();
  const issuer = `${at.issuer}${vendor.issuerPath}`;
  const about: ServerMetadata = metadata({
    issuer,
    tokenEndpoint: `${at.issuer}${vendor.tokenPath}`,
    revocationEndpoint: vendor.revocationPath === null ? null : `${at.issuer}${vendor.revocationPath}`,
  });
  at.at(vendor.tokenPath, (response, request) => vendor.answer(askedOf(request, issuer, about.tokenEndpoint))(response, request));
  at.at(vendor.revocationPath ?? '/nowhere', (response, request) => {
    const isAccepted = vendor.accepts(askedOf(request, issuer, about.tokenEndpoint));
    return (isAccepted ? json({}) : refuse('invalid_client', 401))(response, request);
  });
  const http = open();
  const means = signing();
  const plain = await wishAt(vendor, deviation, issuer, at.issuer);
  const one = deviation.proves === true ? await proving(plain, means) : plain;
  return {
    origin: at.issuer,
    requests: at.requests,
    obtain: async (scopes = vendor.resource.scopes, deadline = 5_000) => {
      const asked = { ...one, scope: Scope.of(scopes) };
      return readTokenResponse(asked, await sendTokenRequest(await prepareTokenRequest(asked, about, means), http, deadline), NOW);
    },
    revoke: async (token) => {
      const prepared = await prepareRevocation(one, token.text, about, means);
      if (prepared === 'unsupported') return { kind: 'unsupported' };
      return readRevocationResponse(await sendRevocation(prepared, http, 5_000), NOW, one.server.profile.throttling);
    },
    answer: (behaviour) => void at.at(vendor.tokenPath, behaviour),
    asking: { wish: one, metadata: about, http, signing: means },
  };
}

async function proving(one: TokenWish, { proofs }: Signing): Promise<TokenWish> {
  return { ...one, server: { ...one.server, senderConstraint: 'dpop' }, proofKey: await proofs.keyFor(one.credential.id, null) };
}

/** A key with a certificate of its own, which some vendors want to see. */
async function certifiedKey({ profile }: Vendor, bound: { issuer: string; tokenEndpointOrigin: string }): Promise<Credential> {
  const algorithm = preferredAlgorithms[profile]?.[0] ?? 'ES256';
  const { key, privateKey } = await withOwnCertificate(await generateKeyPair(algorithm), 'corridor-indexer', NOW, 86_400_000);
  return { ...(await keyCredential(algorithm, bound)), ...key, privateKey };
}

async function wishAt(
  vendor: Vendor,
  { profile, verifyAudience = false, clientId = 'corridor-indexer', uri, secret = 'canary secret' }: Deviation,
  issuer: string,
  origin: string,
): Promise<TokenWish> {
  const bound = { issuer, tokenEndpointOrigin: origin };
  const { audience, scopes } = vendor.resource;
  return wish({
    server: server({
      issuer,
      profile: profile ?? profiles[vendor.profile] ?? standardProfile,
      allowHosts: ['127.0.0.1'],
      tokenEndpoint: `${origin}${vendor.tokenPath}`,
      ...(vendor.revocationPath !== null && { revocationEndpoint: `${origin}${vendor.revocationPath}` }),
    }),
    client: client({ method: vendor.method, clientId }),
    credential: vendor.method === 'private_key_jwt' ? await certifiedKey(vendor, bound) : secretCredential(secret, bound),
    resource: resource({ uri: uri ?? vendor.resource.uri ?? origin, ...(audience !== undefined && { audience }), scopes, verifyAudience }),
  });
}
