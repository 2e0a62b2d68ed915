import type { AuthorizationServer, Resource } from './catalogue.js';

/** Who alone can use a token: whoever has it, the holder of a key (RFC 9449), or of a certificate (RFC 8705 §3). */
export const senderConstraints = ['none', 'dpop', 'mtls'] as const;
export type SenderConstraint = (typeof senderConstraints)[number];

/** What the tokens of a resource are to be bound to: the resource says it, else its server. */
export function senderConstraintOf({
  server,
  resource,
}: {
  readonly server: AuthorizationServer;
  readonly resource: Resource;
}): SenderConstraint {
  return resource.senderConstraint ?? server.senderConstraint ?? 'none';
}
