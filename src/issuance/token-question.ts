import type { Secret } from '../oauth/secret.js';
import type { ClientAuthentication } from '../runs/client-authentication.js';

/** What a resource server presented (RFC 7662 §2.1): its key, and the key's id where it stood beside it. Not yet verified. */
export interface ResourceServerKey {
  readonly kind: 'key';
  readonly id: string | null;
  readonly key: Secret;
}

/** A request about a token (RFC 7009 §2.1, RFC 7662 §2.1), well-formed and not yet authenticated. */
export interface TokenQuestion<By = ClientAuthentication> {
  readonly clientAuthentication: By;
  readonly token: Secret;
  /** The peer's address, for throttling failed authentication. */
  readonly address: string;
}
