import type { Secret } from '../oauth/secret.js';
import type { ClientAuthentication } from '../runs/client-authentication.js';

/** A request about a token (RFC 7009 §2.1, RFC 7662 §2.1), well-formed and not yet authenticated. */
export interface TokenQuestion {
  readonly clientAuthentication: ClientAuthentication;
  readonly token: Secret;
  /** The peer's address, for throttling failed authentication. */
  readonly address: string;
}
