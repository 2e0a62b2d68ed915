import { z } from 'zod';
import type { Received } from '../crash/agents.js';
import { examine } from '../crash/examine.js';
import { readRecord } from '../proofs/record.js';
import type { Accounts } from './samples.js';
import { database, lengthy, type SoakWorld } from './soak-world.js';

const outcomes = ['token.requested', 'token.issued', 'token.refused', 'token.failed', 'token.unknown'];
/** Ids in one question. */
const AT_ONCE = 2_000;
const release = z.object({ id: z.string(), run: z.string(), sha256: z.string() });

/**
 * Holds the authorization server's own list against the record and against what agents received, when all is quiet and every run is
 * over. The record of releases is too long to be read whole: it is counted, and read where an agent names an entry.
 */
export async function account(world: SoakWorld, received: readonly Received[], answered: number): Promise<Accounts> {
  const { authorizationServer, postgres } = world;
  const issued = await authorizationServer.issued();
  const closed = [];
  for (const type of outcomes) for (const entry of await readRecord(world.corridor('api-1'), { type })) closed.push(entry);
  const released = [];
  for (let at = 0; at < received.length; at += AT_ONCE) {
    const ids = received.slice(at, at + AT_ONCE).map(({ attribution }) => attribution);
    const sql = `select id, run, token_sha256 as sha256 from entry where type = 'token.released' and id = any ('{${ids.join()}}')`;
    for (const row of await postgres.ask(sql, database)) {
      const { id, run, sha256 } = release.parse(row);
      released.push({ id, run, type: 'token.released', time: 0, token: { sha256 } });
    }
  }
  const { findings, inDoubt } = examine({ issued, received, entries: [...closed, ...released] });
  const [row] = await postgres.ask(`select count(*)::int as count from entry where type = 'token.released'`, database);
  // what came after its outcome was given up as unknown cannot be revoked: nobody has its text
  const alive = issued.filter(({ resource, revoked_at: revoked, expires_at: expires }) => {
    return resource === lengthy && revoked === null && expires > Date.now() + 1_000;
  });
  return {
    issued: issued.length,
    received: new Set(received.map(({ sha256 }) => sha256)).size,
    answered,
    released: z.object({ count: z.number() }).parse(row).count,
    findings:
      alive.length > inDoubt ? [...findings, `${alive.length} tokens of runs that are over live, and ${inDoubt} are in doubt`] : findings,
  };
}
