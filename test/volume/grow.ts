import { createHash } from 'node:crypto';
import type { Database } from '../../src/store/database.js';
import type { Past } from './questions.js';

/** What one round adds to a database: so many runs, each with two tokens and ten entries. */
export const RUNS = 10_000;
export const ENTRIES = 10 * RUNS;

/** Of 1.2 KB, as a real one. */
const BYTES = `convert_to('{"decision":{"allow":true,"by":"policy","id":"dec' || n || '"},"padding":"' || repeat('x', 1100) || '"}', 'UTF8')`;

/** The past: all that is told here has happened between thirty days and an hour ago, in the order of the rounds. */
const AT = `(now() - interval '30 days' + (($1::float8 * ${RUNS} + n) / ($2::float8 * ${RUNS})) * interval '29 days 23 hours')`;

const runs = `
  insert into run (id, runtime, workflow, purpose, agent, lineage, credential, credential_id, started_at, expires_at, ended_at)
  select 'runpast' || $1::int || 'x' || n, 'ci', 'workflow' || n % 50, 'search-indexing',
    '{"name":"indexer","version":"1.4.0","model":"none"}', array['runpast' || $1::int || 'x' || n],
    '{"id":"cre1","method":"client_secret","secretSha256":""}', 'cre1', ${AT}, ${AT} + interval '15 minutes',
    case when n % 2 = 0 then ${AT} + interval '10 minutes' end
  from generate_series(1, ${RUNS}) n`;

/** Half of them issued by servers that cannot revoke, one in a hundred with an unknown outcome. */
const issuances = `
  insert into issuance (id, state, run, workflow, client, client_id, authorization_server, resource, scope, credential, cache_key, isolation, counters,
    instance, opened_at, deadline, exposed_until, closed_at, token_sha256, token_jti, issued_at, expires_at, served_until, granted, revocation)
  select 'isspast' || $1::int || 'x' || n || 'x' || t, case when n % 100 = 0 then 'unknown' else 'issued' end, 'runpast' || $1::int || 'x' || n,
    'workflow' || n % 50, 'client' || n % 50, 'client' || n % 50, 'demo', 'resource' || n % 20, '{crm:read}', 'cre1', md5($1::text || n || t), 'run', '{}',
    'ins1', ${AT}, ${AT} + interval '10 s', ${AT} + interval '1 hour', ${AT},
    encode(sha256(convert_to($1::text || 'x' || n || 'x' || t, 'UTF8')), 'hex'), 'jti' || $1::int || 'x' || n || 'x' || t,
    ${AT}, ${AT} + interval '1 hour', ${AT} + interval '5 minutes', '{crm:read}', case when n % 2 = 0 then 'unsupported' else 'revoked' end
  from generate_series(1, ${RUNS}) n, generate_series(1, 2) t`;

const TYPES = `'{run.started,token.requested,token.issued,token.released,token.released,token.released,token.released,token.released,token.denied,run.ended}'::text[]`;

const entries = `
  insert into entry (id, type, recorded_at, run, workflow, client, resource, owner, issuance, decision, token_sha256, token_jti, bytes)
  select 'entpast' || $1::int || 'x' || n || 'x' || e, (${TYPES})[e], ${AT}, 'runpast' || $1::int || 'x' || n, 'workflow' || n % 50, 'client' || n % 50,
    'resource' || n % 20, 'owner' || n % 10, case when e between 2 and 8 then 'isspast' || $1::int || 'x' || n || 'x1' end, 'dec' || n,
    case when e between 3 and 8 then encode(sha256(convert_to($1::text || 'x' || n || 'x1', 'UTF8')), 'hex') end, null, ${BYTES}
  from generate_series(1, ${RUNS}) n, generate_series(1, 10) e order by n, e`;

const inputs = `
  insert into decision_input (sha256, sealed, stored_at)
  select encode(sha256(convert_to('input' || $1::text || n, 'UTF8')), 'hex'), convert_to(repeat('s', 900), 'UTF8'), ${AT}
  from generate_series(1, ${RUNS}) n`;

const work = `
  insert into work (id, kind, subject, due_at, done_at)
  select 'wrkpast' || $1::int || 'x' || n, 'revoke', 'isspast' || $1::int || 'x' || n || 'x1', ${AT}, ${AT}
  from generate_series(1, ${RUNS}) n`;

/** Adds the round `round` of `rounds` (from 0) to what the database holds. */
export async function grow(database: Database, round: number, rounds: number): Promise<void> {
  for (const statement of [runs, issuances, entries, inputs, work]) await database.query(statement, [round, rounds]);
}

/** What the first round has told. */
export const PAST: Past = {
  run: 'runpast0x77',
  entry: 'entpast0x77x5',
  tokenSha256: createHash('sha256').update('0x77x1').digest('hex'),
  jti: 'jti0x77x1',
};
