import type { Secret } from '../oauth/secret.js';
import type { Signing } from '../upstreams/client-assertion.js';
import type { Party } from '../upstreams/client-authentication.js';
import type { ServerMetadata } from '../upstreams/metadata.js';
import { prepareRevocation, readRevocationResponse, sendRevocation, type RevocationOutcome } from '../upstreams/revocation.js';
import type { UpstreamHttp } from '../upstreams/upstream-http.js';
import { pairAt, type Circuits, type Report } from './circuits.js';

/** Milliseconds. */
const DEADLINE = 5_000;

/** One attempt to revoke a token at its authorization server (RFC 7009), while there is no reason to leave that alone. */
export class RevokeToken {
  /** `circuits` are not those of token requests: neither endpoint is left alone for what the other answers. */
  constructor(
    private readonly http: UpstreamHttp,
    private readonly signing: Signing,
    private readonly circuits: Circuits,
  ) {}

  /** @throws UpstreamFailed when the request cannot be made ready */
  async revoke(party: Party, metadata: ServerMetadata, token: Secret): Promise<RevocationOutcome> {
    const turn = await this.circuits.enter(pairAt(party, `revoke ${metadata.revocationEndpoint}`));
    if (turn.kind === 'kept') return { kind: 'pending', fault: turn.fault, retryAfter: turn.retryAfter };
    let outcome: RevocationOutcome;
    try {
      const prepared = await prepareRevocation(party, token, metadata, this.signing);
      if (prepared === 'unsupported') {
        turn.abandoned();
        return { kind: 'unsupported' };
      }
      const answer = await sendRevocation(prepared, this.http, DEADLINE);
      outcome = readRevocationResponse(answer, this.signing.clock.now(), party.server.profile.throttling);
    } catch (error) {
      turn.abandoned();
      throw error;
    }
    turn.ended(reportOf(outcome));
    return outcome;
  }
}

function reportOf(outcome: RevocationOutcome): Report | null {
  switch (outcome.kind) {
    case 'revoked':
    case 'unsupported':
      return null;
    case 'pending':
      return outcome;
  }
}
