import { z } from 'zod';
import { table } from './command.js';

const text = z.string().nullable();
const list = z.array(z.string()).nullable();

export const serverPreview = z.looseObject({
  issuer: z.string(),
  usable: z.boolean(),
  looked: z.array(z.looseObject({ url: z.string(), status: z.number().nullable(), came: z.string() })),
  issuer_matches: z.boolean().nullable(),
  metadata: z
    .looseObject({
      token_endpoint: text,
      revocation_endpoint: text,
      introspection_endpoint: text,
      jwks_uri: text,
      token_endpoint_auth_methods_supported: list,
      token_endpoint_auth_signing_alg_values_supported: list,
      grant_types_supported: list,
    })
    .nullable(),
  method: z.object({ name: z.string(), algorithm: text }).nullable(),
  profile: z.object({ name: z.string(), why: z.string() }),
  remarks: z.array(z.object({ severity: z.string(), code: z.string(), message: z.string() })),
  snippet: text,
});

export const resourcePreview = z.looseObject({
  resource: z.string(),
  looked: z.array(z.looseObject({ url: z.string(), status: z.number().nullable(), came: z.string() })),
  came: z.string(),
  authorization_servers: z.array(z.object({ issuer: z.string(), declared_as: text })),
  scopes_supported: z.array(z.string()),
  snippet: text,
});

const CAME: Readonly<Record<string, string>> = {
  document: 'the document',
  unusable: 'a document that cannot be understood',
  ambiguous: 'a document that says a member twice',
  no_object: 'no JSON object',
  not_asked: 'not asked',
  tls_failed: 'a certificate that is not accepted: a private authority is named by --ca file:…',
  mismatch: 'a document of another resource, which is not used',
  hint: 'the resource itself, which says where its metadata is',
  no_hint: 'the resource itself, which does not say where its metadata is',
};

/** What was found at each place, what it says, what would be used, and what stands in the way. */
export function printPreview(preview: z.infer<typeof serverPreview>): string {
  const { looked, issuer_matches: matches, metadata, method, profile, remarks, snippet, usable } = preview;
  const parts = [table(looked.map(({ url, status, came }) => [url, cameOf(came, status)]))];
  if (metadata !== null) {
    parts.push(
      table([
        ['issuer', matches === true ? 'the same, to the byte' : 'another: nothing of this is used'],
        ['token endpoint', metadata.token_endpoint ?? 'none'],
        ['revocation', metadata.revocation_endpoint ?? 'none'],
        ['introspection', metadata.introspection_endpoint ?? 'none'],
        ['keys', metadata.jwks_uri ?? 'none'],
        ['methods', metadata.token_endpoint_auth_methods_supported?.join(', ') ?? 'not said'],
        ['algorithms', metadata.token_endpoint_auth_signing_alg_values_supported?.join(', ') ?? 'not said'],
        ['grants', metadata.grant_types_supported?.join(', ') ?? 'not said'],
      ]),
    );
  }
  const algorithm = method === null || method.algorithm === null ? '' : ` with ${method.algorithm}`;
  parts.push(
    table([
      ['would be used', usable ? 'yes' : 'no'],
      ['method', method === null ? 'none' : `${method.name}${algorithm}`],
      ['profile', `${profile.name}: ${profile.why}`],
    ]),
  );
  if (remarks.length > 0) parts.push(table(remarks.map(({ severity, code, message }) => [severity, code, message])));
  if (snippet !== null) parts.push(snippet);
  return parts.join('\n\n');
}

/** A hint: servers that it names are not contacted. */
export function printResource(preview: z.infer<typeof resourcePreview>): string {
  const { looked, came, authorization_servers: servers, scopes_supported: scopes, snippet } = preview;
  const parts = [table(looked.map((look) => [look.url, cameOf(look.came, look.status)]))];
  if (came === 'document') {
    const named = servers.map(({ issuer, declared_as: id }) => [
      `  ${issuer}`,
      id === null ? 'not declared, and not contacted' : `declared as ${id}`,
    ]);
    parts.push(named.length === 0 ? 'It names no authorization server.' : `It names these authorization servers:\n${table(named)}`);
    parts.push(`scopes: ${scopes.join(' ') || 'not said'}`);
  }
  if (snippet !== null) parts.push(snippet);
  return parts.join('\n\n');
}

function cameOf(came: string, status: number | null): string {
  if (came === 'other_status') return `status ${status ?? '?'}`;
  return CAME[came] ?? came;
}
