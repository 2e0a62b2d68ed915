import type { Signing } from '../upstreams/client-assertion.js';
import type { UpstreamAnswer } from '../upstreams/form-post.js';
import { prepareIntrospection, readIntrospectionResponse, sendIntrospection } from '../upstreams/introspection.js';
import type { ServerMetadata } from '../upstreams/metadata.js';
import { readRefusal } from '../upstreams/refusal.js';
import type { TokenWish, UpstreamOutcome } from '../upstreams/token.js';
import { UpstreamFailed } from '../upstreams/upstream-failed.js';
import { UpstreamExchangeFailed, type UpstreamHttp } from '../upstreams/upstream-http.js';
import { pairAt, type Circuits, type Report } from './circuits.js';

/** Milliseconds. */
const DEADLINE = 4_000;

/**
 * A resource may insist on an audience that the token's own text does not tell: then its server is asked, and nowhere else (CONFORMANCE
 * A44, A92), while there is no reason to leave that alone. Whatever it does not tell leaves the token refused.
 */
export class LearnAudience {
  /** `circuits` as of RevokeToken. */
  constructor(
    private readonly http: UpstreamHttp,
    private readonly signing: Signing,
    private readonly circuits: Circuits,
  ) {}

  async learn(wish: TokenWish, metadata: ServerMetadata, outcome: UpstreamOutcome): Promise<UpstreamOutcome> {
    if (outcome.kind !== 'refused' || outcome.fault !== 'audience_unverified' || outcome.token === null) return outcome;
    const turn = await this.circuits.enter(pairAt(wish, `introspect ${metadata.introspectionEndpoint}`));
    if (turn.kind === 'kept') return outcome;
    let answer: UpstreamAnswer;
    try {
      const prepared = await prepareIntrospection(wish, outcome.token.text, metadata, this.signing);
      if (prepared === 'unsupported') {
        turn.abandoned();
        return outcome;
      }
      answer = await sendIntrospection(prepared, this.http, DEADLINE);
    } catch (error) {
      turn.abandoned();
      if (error instanceof UpstreamFailed) return outcome;
      throw error;
    }
    turn.ended(this.#reportOf(wish, answer));
    return readIntrospectionResponse(wish, outcome.token, answer);
  }

  #reportOf({ server }: TokenWish, answer: UpstreamAnswer): Report | null {
    if (answer instanceof UpstreamExchangeFailed) return { fault: answer.fault, retryAfter: null };
    if (answer.status === 200) return null;
    return readRefusal(answer, this.signing.clock.now(), server.profile.throttling);
  }
}
