import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { startPostgres } from '../rig/postgres.js';
import { askAt, Replicas, runtimeKeyAt, startRunAt } from '../rig/replicas.js';

const postgres = await startPostgres();
afterAll(async () => postgres?.stop());

/** Milliseconds: what is under way waits for a connection and then for its answer, 20 seconds; the rest is a busy machine's. */
const PATIENCE = 45_000;

/** Every process of the server. */
async function processesOf(url: string): Promise<readonly number[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const { rows } = await client.query<{ pid: number }>(
    `select split_part(pg_read_file('postmaster.pid'), E'\\n', 1)::int as pid
     union all select pid from pg_stat_activity where pid <> pg_backend_pid()`,
  );
  await client.end();
  return rows.map(({ pid }) => pid);
}

function signalAll(processes: readonly number[], signal: 'SIGSTOP' | 'SIGCONT'): void {
  for (const pid of processes) {
    try {
      process.kill(pid, signal);
    } catch {
      // it has ended meanwhile
    }
  }
}

// startPostgres says aloud why there is none, and a server that is somebody else's is not ours to freeze
const isOurs = postgres !== null && process.env['CORRIDOR_TEST_DATABASE_URL'] === undefined;
(isOurs ? describe : describe.skip)('a replica whose database is frozen', () => {
  it('ends when it is told to, and says so', async () => {
    const url = (await postgres?.freshDatabase()) ?? '';
    const replicas = await Replicas.over(url);
    try {
      const corridor = await replicas.start();
      const run = await startRunAt(corridor, await runtimeKeyAt(corridor));
      expect((await askAt(corridor, run)).status).toBe(200);
      const server = await processesOf(url);
      try {
        signalAll(server, 'SIGSTOP');
        corridor.signal('SIGTERM');
        const ended = await Promise.race([corridor.ended, wait(PATIENCE, 'not in time', { ref: false })]);
        expect([ended, corridor.output()]).toEqual([0, expect.stringContaining('"stopped"')]);
      } finally {
        signalAll(server, 'SIGCONT');
      }
    } finally {
      await replicas.stop();
    }
  }, 120_000);
});
