/** The error codes that Corridor's OAuth endpoints may answer with (RFC 6749 §5.2, RFC 8707 §2, RFC 9396 §5, RFC 7009 §2.2.1, RFC 8628 §3.5, RFC 6749 §4.1.2.1). */
export type OAuthErrorCode =
  | 'invalid_request'
  | 'invalid_client'
  | 'unauthorized_client'
  | 'unsupported_grant_type'
  | 'invalid_scope'
  | 'invalid_target'
  | 'invalid_authorization_details'
  | 'access_denied'
  | 'slow_down'
  | 'unsupported_token_type'
  | 'server_error'
  | 'temporarily_unavailable';

/** A stable reason code with what it is about, as it stands in decisions, entries and error bodies. */
export type Reason = { readonly code: string } & { readonly [member: string]: string | number | boolean | readonly string[] };

/** What an error body says beside `error` and `error_description`. */
export interface ErrorDetail {
  readonly decision?: string;
  readonly reasons?: readonly Reason[];
  readonly attribution?: string;
  readonly retryAfter?: number;
  readonly cause?: unknown;
}

/**
 * An error of the OAuth protocol. `message` is public: it becomes `error_description` and must not repeat input
 * (RFC 6749 §5.2 limits its characters; CONFORMANCE B63). `cause` is private.
 */
export abstract class OAuthError extends Error {
  abstract readonly code: OAuthErrorCode;
  readonly detail: ErrorDetail;

  constructor(description: string, detail: ErrorDetail = {}) {
    super(description, detail.cause === undefined ? undefined : { cause: detail.cause });
    this.name = new.target.name;
    this.detail = detail;
  }
}

export class InvalidRequest extends OAuthError {
  readonly code = 'invalid_request';
}

/** `challenge` asks for 401 and a challenge: because the Authorization header was used (RFC 6749 §5.2), or always (RFC 7662 §2.3). */
export class InvalidClient extends OAuthError {
  readonly code = 'invalid_client';
  constructor(
    description: string,
    readonly challenge: boolean | 'Bearer',
    detail: ErrorDetail = {},
  ) {
    super(description, detail);
  }
}

export class UnauthorizedClient extends OAuthError {
  readonly code = 'unauthorized_client';
}

export class UnsupportedGrantType extends OAuthError {
  readonly code = 'unsupported_grant_type';
}

export class InvalidScope extends OAuthError {
  readonly code = 'invalid_scope';
}

export class InvalidTarget extends OAuthError {
  readonly code = 'invalid_target';
}

export class InvalidAuthorizationDetails extends OAuthError {
  readonly code = 'invalid_authorization_details';
}

export class AccessDenied extends OAuthError {
  readonly code = 'access_denied';
}

export class SlowDown extends OAuthError {
  readonly code = 'slow_down';
}

/** The token cannot be revoked where it was issued (RFC 7009 §2.2.1). */
export class UnsupportedTokenType extends OAuthError {
  readonly code = 'unsupported_token_type';
}

/** The authorization server's answer cannot be used: broader than asked, or for another resource. */
export class ServerError extends OAuthError {
  readonly code = 'server_error';
}

export class TemporarilyUnavailable extends OAuthError {
  readonly code = 'temporarily_unavailable';
}
