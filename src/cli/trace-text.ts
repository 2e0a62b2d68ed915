import { z } from 'zod';

const releases = z.object({ count: z.number(), entries: z.array(z.string()) });
const token = z.looseObject({
  issuance: z.string(),
  state: z.string(),
  sha256: z.string().optional(),
  scope: z.object({ decided: z.array(z.string()), granted: z.array(z.string()) }),
  authorization_details: z.object({ granted: z.array(z.looseObject({ type: z.string() })) }).optional(),
  resource: z.looseObject({ id: z.string(), uri: z.string().optional() }),
  expires_at: z.string().optional(),
  exposed_until: z.string(),
  revocation: z.enum(['pending', 'given_up', 'revoked', 'unsupported']).optional(),
  live: z.boolean(),
});
const entry = z.looseObject({ id: z.string(), type: z.string(), recorded_at: z.string() });

/** What the trace's answer holds, as far as it is printed. */
export const traceShape = z.looseObject({
  entry: entry.optional(),
  token: token.optional(),
  run: z
    .looseObject({
      id: z.string(),
      runtime: z.string(),
      workflow: z.string(),
      purpose: z.string(),
      owner: z.string().optional(),
      operator: z.looseObject({ commitment: z.string(), name: z.string().optional() }).optional(),
      agent: z.looseObject({ name: z.string(), version: z.string() }),
      started_at: z.string(),
      ended_at: z.string().optional(),
    })
    .optional(),
  decision: z
    .looseObject({
      id: z.string(),
      by: z.string(),
      allow: z.boolean(),
      revision: z.string().optional(),
      reasons: z.array(z.looseObject({ code: z.string() })),
      obligations: z.looseObject({ max_ttl: z.number().optional() }),
    })
    .optional(),
  client: z
    .looseObject({
      client_id: z.string(),
      method: z.string().optional(),
      credential: z.looseObject({ kid: z.string().nullish() }).optional(),
    })
    .optional(),
  releases: z.object({ in_this_run: releases, in_other_runs: releases }).optional(),
  issuances: z.array(token),
  entries: z.array(entry),
  more: z.boolean(),
});
type TraceShape = z.infer<typeof traceShape>;
type Token = z.infer<typeof token>;

/** The trace for people (EXAMPLES "Trace"): from the token down to the workflow. */
export function printTraceText(trace: TraceShape): string {
  const { run, decision, client } = trace;
  const lines = [trace.token ? `token ${printToken(trace.token)}` : `${trace.entry?.type ?? 'run'} ${trace.entry?.id ?? run?.id ?? ''}`];
  if (run) {
    const operator = run.operator && ` for ${run.operator.name ?? `${run.operator.commitment.slice(0, 18)}… (name erased)`}`;
    const ended = run.ended_at === undefined ? '' : `, ended ${clock(run.ended_at)}`;
    lines.push(
      `  run      ${run.id}   ${run.agent.name} ${run.agent.version}, started ${clock(run.started_at)} by runtime ${run.runtime}${operator ?? ''}${ended}`,
    );
    lines.push(`  why      ${run.workflow} · ${run.purpose}${run.owner === undefined ? '' : ` · owner ${run.owner}`}`);
  }
  if (decision) lines.push(`  decided  ${decision.id}   ${printDecision(decision, trace.token)}`);
  if (trace.entry && trace.token) lines.push(`  recorded ${trace.entry.id}   ${trace.entry.type} at ${clock(trace.entry.recorded_at)}`);
  if (client) lines.push(`  client   ${printClient(client)}      acted as this software client; no user's consent is implied`);
  lines.push(...printMore(trace));
  return lines.join('\n');
}

function printToken(found: Token): string {
  const scopes = found.scope.granted.length > 0 ? found.scope.granted : found.scope.decided;
  const extent = [...scopes, ...(found.authorization_details?.granted ?? []).map(({ type }) => `{${type}}`)].join(' ');
  const hash = found.sha256 === undefined ? found.issuance : `${found.sha256.slice(0, 12)}…`;
  return `${hash}  ${extent} at ${found.resource.uri ?? found.resource.id}, ${printLife(found)}`;
}

function printLife(found: Token): string {
  if (found.state === 'open') return 'being asked for';
  if (found.state === 'failed') return 'never issued';
  if (found.state === 'unknown') return `outcome unknown: it may live until ${clock(found.exposed_until)}`;
  if (found.revocation === 'revoked') return 'revoked';
  if (!found.live) return 'expired';
  const cannot = found.revocation === 'unsupported' ? ' (this server cannot revoke it)' : '';
  const pending = found.revocation === 'pending' ? ', revocation pending' : found.revocation === 'given_up' ? ', revocation given up' : '';
  return `live until ${clock(found.expires_at ?? found.exposed_until)}${pending}${cannot}`;
}

function printDecision(decision: NonNullable<TraceShape['decision']>, found: Token | undefined): string {
  const by = decision.revision === undefined ? decision.by : `${decision.by} ${decision.revision.slice(0, 19)}…`;
  const terms = [found?.scope.decided.join(' '), decision.obligations.max_ttl && `${decision.obligations.max_ttl} s`]
    .filter(Boolean)
    .join(', ');
  return `${decision.reasons.map(({ code }) => code).join(', ')} by ${by}${decision.allow && terms !== '' ? ` (${terms})` : ''}`;
}

function printClient(client: NonNullable<TraceShape['client']>): string {
  const kid = client.credential?.kid ? `kid ${client.credential.kid.slice(0, 12)}…` : undefined;
  return [client.client_id, client.method, kid].filter(Boolean).join(', ');
}

function printMore(trace: TraceShape): string[] {
  const lines: string[] = [];
  const here = (trace.releases?.in_this_run.count ?? 0) - 1;
  const elsewhere = trace.releases?.in_other_runs.count ?? 0;
  if (here > 0) lines.push(`  also     ${here} more release${here === 1 ? '' : 's'} of this token in this run`);
  if (elsewhere > 0) lines.push(`  also     ${elsewhere} release${elsewhere === 1 ? '' : 's'} of this token in other runs`);
  if (trace.token === undefined) for (const issued of trace.issuances) lines.push(`  token    ${printToken(issued)}`);
  for (const other of trace.entries) lines.push(`  entry    ${other.recorded_at}  ${other.type.padEnd(16)}  ${other.id}`);
  if (trace.more) lines.push('  …        there is more: corridor entries --run …');
  return lines;
}

/** Hours and minutes in UTC, with the date when it is another day than today's. */
function clock(time: string): string {
  const today = new Date().toISOString().slice(0, 10);
  const day = time.slice(0, 10);
  return `${day === today ? '' : `${day} `}${time.slice(11, 16)}`;
}
