import { decodeJwt } from 'jose';
import { Scope } from '../../src/oauth/scope.js';
import { UndiciUpstreamHttp } from '../../src/platform/upstream-http.js';
import { readMetadata } from '../../src/upstreams/discovery.js';
import { prepareTokenRequest, sendTokenRequest } from '../../src/upstreams/token-request.js';
import { readTokenResponse } from '../../src/upstreams/token-response.js';
import type { TokenWish, UpstreamOutcome } from '../../src/upstreams/token.js';
import { client, resource, secretCredential, server, signing, wish } from '../upstreams/wish.js';
import { crm } from './server-under-test.js';
import { prover, type World } from './world.js';

const clock = { now: () => Date.now() };

/** What came of asking with a proof, and without one. */
export interface Asked {
  /** How often it was asked before it was content with the nonce. */
  readonly requests: number;
  readonly withProof: UpstreamOutcome;
  readonly withoutProof: UpstreamOutcome;
  /** RFC 7638, of the proof's key. */
  readonly thumbprint: string;
}

/**
 * Asks for a token that is bound to a key (RFC 9449), by the rooms that speak to authorization servers: a run is given none, since it
 * could not use it (CONFORMANCE D6), so that no agent can ask for it.
 */
export async function askWithProof(world: World): Promise<Asked> {
  const {
    server: { issuer },
    ca,
  } = world;
  const http = new UndiciUpstreamHttp();
  const means = signing(clock);
  const without = wish({
    server: server({ issuer, allowHosts: ['localhost'], ca: { path: 'ca.pem', pem: ca }, senderConstraint: 'dpop' }),
    client: client({ clientId: prover.id }),
    credential: secretCredential(world.secretOf(prover), { issuer, tokenEndpointOrigin: new URL(issuer).origin }),
    resource: resource({ uri: crm }),
    scope: Scope.of(['crm:read']),
  });
  const metadata = await readMetadata(without.server, http, clock, 10_000);
  const proofKey = await means.proofs.keyFor(without.credential.id, metadata.proofAlgorithms ?? null);
  const ask = async (one: TokenWish): Promise<UpstreamOutcome> => {
    const prepared = await prepareTokenRequest(one, metadata, means);
    return readTokenResponse(one, await sendTokenRequest(prepared, http, 10_000), clock.now());
  };
  const first = await ask({ ...without, proofKey });
  const challenged = first.kind === 'failed' && first.fault === 'nonce_required';
  const withProof = challenged ? await ask({ ...without, proofKey }) : first;
  const withoutProof = await ask(without);
  await http.close();
  return { requests: challenged ? 2 : 1, withProof, withoutProof, thumbprint: proofKey.thumbprint };
}

export const boundTo = (outcome: UpstreamOutcome): unknown =>
  outcome.kind === 'token' ? decodeJwt(outcome.token.text.reveal())['cnf'] : outcome;
