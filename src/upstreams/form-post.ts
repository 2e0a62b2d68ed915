import type { Secret } from '../oauth/secret.js';
import type { Proof } from './proofs-of-possession.js';
import {
  UpstreamExchangeFailed,
  type ClientCertificate,
  type Reach,
  type UpstreamHttp,
  type UpstreamRequestKind,
  type UpstreamResponse,
} from './upstream-http.js';

/** A request to an endpoint of an authorization server, ready to be sent once. */
export interface FormPost {
  readonly kind: UpstreamRequestKind;
  readonly endpoint: string;
  readonly reach: Reach;
  readonly authorization: Secret | null;
  readonly certificate: ClientCertificate | null;
  readonly proof: Proof | null;
  readonly body: Secret;
}

/** What came back: a response, or how the exchange ended without one. */
export type UpstreamAnswer = UpstreamResponse | UpstreamExchangeFailed;

/** Bytes. Tokens of 16 KB exist, and stand in the body of a revocation too (CONFORMANCE Q40). */
const MAX_ANSWER = 262_144;

/** Sends a form by POST (RFC 6749 §3.2), once. `deadline` in milliseconds, for the whole exchange. */
export async function postForm(post: FormPost, http: UpstreamHttp, deadline: number): Promise<UpstreamAnswer> {
  const answer = await exchangeForm(post, http, deadline);
  post.proof?.answered(answer);
  return answer;
}

async function exchangeForm(post: FormPost, http: UpstreamHttp, deadline: number): Promise<UpstreamAnswer> {
  try {
    return await http.exchange({
      kind: post.kind,
      method: 'POST',
      url: post.endpoint,
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        accept: 'application/json',
        ...(post.proof === null ? {} : { dpop: post.proof.text.reveal() }),
        ...(post.authorization === null ? {} : { authorization: post.authorization.reveal() }),
      },
      body: post.body.reveal(),
      deadline,
      maxBody: MAX_ANSWER,
      ...post.reach,
      ...(post.certificate !== null && { certificate: post.certificate }),
    });
  } catch (error) {
    if (error instanceof UpstreamExchangeFailed) return error;
    throw error;
  }
}
