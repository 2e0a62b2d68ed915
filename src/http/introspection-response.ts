import type { Introspection } from '../issuance/introspect-token.js';

/** RFC 7662 §2.2, RFC 9396 §9.2; `workflow`, `run` and `purpose` are ours, for the resource's server. Inactive tokens are all alike (CONFORMANCE B96). */
export function printIntrospection(introspection: Introspection | null): string {
  if (introspection === null) return '{"active":false}';
  const { audience, jti, acting } = introspection;
  return JSON.stringify({
    active: true,
    iss: introspection.issuer,
    client_id: introspection.clientId,
    sub: introspection.subject,
    ...(introspection.scope.isEmpty ? {} : { scope: introspection.scope.toString() }),
    ...(introspection.details.isEmpty ? {} : { authorization_details: introspection.details }),
    aud: audience.length === 1 ? audience[0] : audience,
    token_type: introspection.tokenType,
    ...(jti === null ? {} : { jti }),
    iat: Math.floor(introspection.issuedAt / 1000),
    exp: Math.floor(introspection.expiresAt / 1000),
    ...(acting === null
      ? {}
      : {
          workflow: acting.workflow,
          ...(acting.run === null ? {} : { run: acting.run }),
          ...(acting.purpose === null ? {} : { purpose: acting.purpose }),
        }),
  });
}
