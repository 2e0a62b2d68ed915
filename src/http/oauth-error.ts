import type { OAuthError, OAuthErrorCode } from '../oauth/errors.js';
import { InvalidClient } from '../oauth/errors.js';

/** What goes over the wire for an error of the OAuth endpoints (RFC 6749 §5.2; statuses by the table in docs/reasons.md). */
export interface OAuthAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Readonly<Record<string, unknown>>;
}

const statuses: Readonly<Record<OAuthErrorCode, number>> = {
  invalid_request: 400,
  invalid_client: 400,
  unauthorized_client: 400,
  unsupported_grant_type: 400,
  invalid_scope: 400,
  invalid_target: 400,
  invalid_authorization_details: 400,
  access_denied: 400,
  slow_down: 429,
  unsupported_token_type: 400,
  server_error: 502,
  temporarily_unavailable: 503,
};

const BASIC = 'Basic realm="corridor", charset="UTF-8"';
const BEARER = 'Bearer realm="corridor", error="invalid_token"';

/** RFC 6749 §5.1, §5.2: nothing under the OAuth endpoints is ever kept by a cache. */
export const noStore = { 'cache-control': 'no-store', pragma: 'no-cache' } as const;

export function oauthAnswer(error: OAuthError): OAuthAnswer {
  const { decision, reasons, attribution, retryAfter } = error.detail;
  const challenge = error instanceof InvalidClient ? error.challenge : false;
  return {
    status: challenge !== false ? 401 : statuses[error.code],
    headers: {
      ...noStore,
      // RFC 6749 §5.2: the scheme that the client used
      ...(challenge === false ? {} : { 'www-authenticate': challenge === true ? BASIC : BEARER }),
      ...(retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) }),
    },
    body: {
      error: error.code,
      error_description: error.message,
      ...(decision === undefined ? {} : { decision }),
      ...(reasons === undefined ? {} : { reasons }),
      ...(attribution === undefined ? {} : { attribution }),
    },
  };
}
