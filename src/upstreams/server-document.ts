import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';
import { z } from 'zod';

const MAX_TEXT = 1_000;
const MOST = 100;
const PRINTABLE = /^[\x20-\x7e]*$/;

/** Server text goes no further than it can be read by people and stored: printable, and not without end (CONFORMANCE A62). */
const printable = z.string().max(MAX_TEXT).regex(PRINTABLE);
// null and "" are taken as absent (CONFORMANCE Q36)
const text = printable.nullish().transform((value) => value || null);
const listOf = (longest: number) =>
  z
    .array(z.string())
    .nullish()
    .transform((value) => value?.filter((item) => item.length <= longest && PRINTABLE.test(item)).slice(0, MOST) ?? null);
const list = listOf(100);
const flag = z
  .boolean()
  .nullish()
  .catch(null)
  .transform((value) => value ?? null);
const aliases = z
  .record(z.string(), z.unknown())
  .nullish()
  .catch(null)
  .transform((value) => (value ? endpointsIn(value) : null));

/** What says whose a server is, or where something is sent or fetched: it changes with approval alone (CONFORMANCE A74). */
const held = {
  issuer: printable,
  token_endpoint: text,
  revocation_endpoint: text,
  introspection_endpoint: text.catch(null),
  jwks_uri: text.catch(null),
  mtls_endpoint_aliases: aliases,
};

/** The members of a metadata document (RFC 8414 §2) that Corridor keeps. */
export const documentShape = z.object({
  ...held,
  token_endpoint_auth_methods_supported: list,
  token_endpoint_auth_signing_alg_values_supported: list,
  revocation_endpoint_auth_signing_alg_values_supported: list,
  introspection_endpoint_auth_signing_alg_values_supported: list,
  revocation_endpoint_auth_methods_supported: list.catch(null),
  introspection_endpoint_auth_methods_supported: list.catch(null),
  grant_types_supported: list.catch(null),
  dpop_signing_alg_values_supported: list.catch(null),
  // as long as a catalogue may declare them: of one that is left out nothing would be asked
  authorization_details_types_supported: listOf(256).catch(null),
  tls_client_certificate_bound_access_tokens: flag,
});
export type ServerDocument = z.output<typeof documentShape>;

/** SHA-256 (hex) of what is kept of a document. */
export function documentDigest(document: ServerDocument): string {
  return createHash('sha256')
    .update(canonicalize(document) ?? '')
    .digest('hex');
}

/** A member that may not change unseen, and what it was and would be. */
export interface Moved {
  readonly field: string;
  readonly used: string | null;
  readonly offered: string | null;
}

/** What moves when `offered` takes the place of `used`. */
export function movedBetween(used: ServerDocument, offered: ServerDocument): readonly Moved[] {
  const [before, after] = [heldIn(used), heldIn(offered)];
  return [...new Set([...before.keys(), ...after.keys()])].flatMap((field) => {
    const moved = { field, used: before.get(field) ?? null, offered: after.get(field) ?? null };
    return moved.used === moved.offered ? [] : [moved];
  });
}

/** By name; an alias (RFC 8705 §5) is `mtls_endpoint_aliases.<name>`. */
export function heldIn(document: ServerDocument): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const name of Object.keys(held) as (keyof typeof held)[]) {
    const value = document[name];
    if (typeof value === 'string') found.set(name, value);
    else for (const [alias, url] of Object.entries(value ?? {})) found.set(`${name}.${alias}`, url);
  }
  return found;
}

function endpointsIn(members: Readonly<Record<string, unknown>>): Record<string, string> {
  const endpoints = Object.entries(members).flatMap(([name, url]) =>
    /^[a-z_]{1,60}_endpoint$/.test(name) && typeof url === 'string' && url !== '' && url.length <= MAX_TEXT && PRINTABLE.test(url)
      ? [[name, url] as const]
      : [],
  );
  return Object.fromEntries(endpoints.sort(([a], [b]) => (a < b ? -1 : 1)).slice(0, 10));
}
