import { z } from 'zod';
import type { TracedClient, TracedDecision } from '../attribution/trace.js';

const decision = z
  .object({
    id: z.string(),
    by: z.string(),
    allow: z.boolean(),
    revision: z.string().nullish(),
    input_sha256: z.string().nullish(),
    reasons: z.array(z.looseObject({ code: z.string() })).default([]),
    obligations: z.record(z.string(), z.unknown()).default({}),
  })
  .transform(({ revision, input_sha256, ...said }): TracedDecision => ({
    ...said,
    revision: revision ?? null,
    inputSha256: input_sha256 ?? null,
  }));

const members = z.object({
  issuer: z.string().optional().catch(undefined),
  client_id: z.string().optional().catch(undefined),
  method: z.string().optional().catch(undefined),
  credential: z.object({ id: z.string(), kid: z.string().optional() }).optional().catch(undefined),
  resource: z.object({ id: z.string().optional(), uri: z.string().optional() }).optional().catch(undefined),
  decision: decision.optional().catch(undefined),
});

/** What an entry says (EXAMPLES "An entry") of the things that a trace tells; what it does not say is null. */
export interface RecordedMembers {
  readonly decision: TracedDecision | null;
  readonly client: Omit<TracedClient, 'id'> | null;
  readonly resource: { readonly id: string | null; readonly uri: string | null } | null;
}

/** Reads the bytes of an entry. The record outlives the versions that wrote it: a member of another shape counts as not said. */
export function parseRecorded(bytes: Uint8Array): RecordedMembers {
  const said = members.parse(JSON.parse(Buffer.from(bytes).toString()));
  const { credential, resource } = said;
  return {
    decision: said.decision ?? null,
    client:
      said.client_id === undefined
        ? null
        : {
            clientId: said.client_id,
            issuer: said.issuer ?? null,
            method: said.method ?? null,
            credential: credential === undefined ? null : { id: credential.id, kid: credential.kid ?? null },
          },
    resource: resource === undefined ? null : { id: resource.id ?? null, uri: resource.uri ?? null },
  };
}
