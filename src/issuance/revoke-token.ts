import type { Secret } from '../oauth/secret.js';
import type { Signing } from '../upstreams/client-assertion.js';
import type { Party } from '../upstreams/client-authentication.js';
import type { ServerMetadata } from '../upstreams/metadata.js';
import { prepareRevocation, readRevocationResponse, sendRevocation, type RevocationOutcome } from '../upstreams/revocation.js';
import type { UpstreamHttp } from '../upstreams/upstream-http.js';

/** Milliseconds. */
const DEADLINE = 5_000;

/** One attempt to revoke a token at its authorization server (RFC 7009). */
export class RevokeToken {
  constructor(
    private readonly http: UpstreamHttp,
    private readonly signing: Signing,
  ) {}

  /** @throws UpstreamFailed when the request cannot be made ready */
  async revoke(party: Party, metadata: ServerMetadata, token: Secret): Promise<RevocationOutcome> {
    const prepared = await prepareRevocation(party, token, metadata, this.signing);
    if (prepared === 'unsupported') return { kind: 'unsupported' };
    const answer = await sendRevocation(prepared, this.http, DEADLINE);
    return readRevocationResponse(answer, this.signing.clock.now(), party.server.profile.throttling);
  }
}
