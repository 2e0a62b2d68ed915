import type { IssuedToken } from '../rig/authorization-server.js';
import type { Received } from './agents.js';
import type { RecordedEntry } from '../proofs/record.js';

/** What is known of one life of Corridor and its end: the authorization server's own list, the agents' hands, and the record. */
export interface Evidence {
  readonly issued: readonly IssuedToken[];
  readonly received: readonly Received[];
  readonly entries: readonly RecordedEntry[];
}

export interface Examined {
  /** What must not be, in words; empty when every promise was kept. */
  readonly findings: readonly string[];
  /** By the token's SHA-256: the issuance under which the record has it. */
  readonly issuanceOf: ReadonlyMap<string, string>;
  /** Tokens that were issued and whose text is lost: the record says that they may exist. */
  readonly inDoubt: number;
  /** Intents whose outcome is unknown and of which the server issued nothing. */
  readonly vain: number;
}

const outcomes = new Set(['token.issued', 'token.refused', 'token.failed', 'token.unknown']);
/** Milliseconds from an intent to the end of its attempt, and by which the clocks of two busy processes may differ. */
const ATTEMPT = 20_000;
const CLOCKS = 2_000;

/** Compares them. Nothing that the record says of itself is believed without the other side, where there is one. */
export function examine({ issued, received, entries }: Evidence): Examined {
  const findings: string[] = [];
  const byId = new Map(entries.map((entry) => [entry.id, entry]));
  const intents = byIssuance(entries.filter(({ type }) => type === 'token.requested'));
  // what a guardrail refuses has the type of a refused token, and no issuance
  const closed = byIssuance(entries.filter(({ type, issuance }) => outcomes.has(type) && issuance !== undefined));

  if (byId.size !== entries.length) findings.push('an entry is there twice');
  for (const [issuance, { length }] of intents) {
    if (length !== 1) findings.push(`${issuance} was opened ${length} times`);
    const count = closed.get(issuance)?.length ?? 0;
    if (count !== 1) findings.push(`the intent of ${issuance} has ${count} outcomes`);
  }
  for (const issuance of closed.keys()) if (!intents.has(issuance)) findings.push(`${issuance} has an outcome and no intent`);

  for (const { run, sha256, attribution } of received) {
    const entry = byId.get(attribution);
    const fits = entry?.type === 'token.released' && entry.run === run && entry.token?.sha256 === sha256;
    if (!fits) findings.push(`a token reached run ${run} without its entry: ${attribution} is ${entry?.type ?? 'not there'}`);
  }

  const issuanceOf = new Map<string, string>();
  // each token takes the oldest doubt that it can be of, and the oldest token comes first: if there is a doubt for each, each finds one
  const unknown = [...closed.values()]
    .flat()
    .filter(({ type }) => type === 'token.unknown')
    .map((doubt) => ({ ...doubt, opened: intents.get(doubt.issuance)?.[0] }))
    .sort((one, other) => (one.opened?.time ?? 0) - (other.opened?.time ?? 0));
  const left = new Set(unknown);
  // refused is also what came and could not be recorded in time
  const brought = entries.filter(({ type, issuance }) => type === 'token.issued' || (type === 'token.refused' && issuance !== undefined));
  const outcomeOf = new Map(brought.map((entry) => [entry.token?.sha256, entry]));
  for (const token of [...issued].sort((one, other) => one.issued_at - other.issued_at)) {
    const outcome = outcomeOf.get(token.sha256);
    const intent = intents.get(outcome?.issuance)?.[0];
    if (outcome?.issuance !== undefined && intent !== undefined) {
      issuanceOf.set(token.sha256, outcome.issuance);
      if (!isAttempt(token, intent))
        findings.push(`${outcome.issuance} is recorded for another attempt than its own (${token.issued_at - intent.time} ms)`);
      continue;
    }
    const doubt = [...left].find(({ opened }) => opened !== undefined && isAttempt(token, opened));
    if (doubt?.issuance === undefined) {
      findings.push(`a token of ${token.client_id} for ${token.resource} (${token.sha256.slice(0, 8)}) is not in the record`);
      continue;
    }
    left.delete(doubt);
    issuanceOf.set(token.sha256, doubt.issuance);
    if ((doubt.exposed_until ?? 0) < token.expires_at) findings.push(`${doubt.issuance} may live longer than is said`);
  }
  return { findings, issuanceOf, inDoubt: unknown.length - left.size, vain: left.size };
}

/** Whether the server's line can be of this intent: by the assertion's `jti`, and for a secret by client, resource and time. */
function isAttempt(token: IssuedToken, intent: RecordedEntry): boolean {
  if (token.client_id !== intent.client_id || token.resource !== intent.resource?.uri) return false;
  if (token.assertion_jti !== null || intent.assertion !== undefined) return token.assertion_jti === intent.assertion?.jti;
  const after = token.issued_at - intent.time;
  return after >= -CLOCKS && after <= ATTEMPT;
}

function byIssuance(entries: readonly RecordedEntry[]): ReadonlyMap<string | undefined, readonly RecordedEntry[]> {
  const grouped = new Map<string | undefined, RecordedEntry[]>();
  for (const entry of entries) {
    const group = grouped.get(entry.issuance);
    if (group === undefined) grouped.set(entry.issuance, [entry]);
    else group.push(entry);
  }
  return grouped;
}
