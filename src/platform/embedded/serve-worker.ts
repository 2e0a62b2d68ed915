// The thread of the embedded database: statements come in as messages and are answered in their order.
import { parentPort, workerData } from 'node:worker_threads';
import { z } from 'zod';
import { StatementRefused } from '../../store/database.js';
import { migrate } from '../migrations.js';
import { parameterValue } from '../parameter-value.js';
import { Housekeeping } from './housekeeping.js';
import { PgliteMigrationTarget } from './pglite-migration-target.js';
import { PgliteSession } from './pglite-session.js';
import type { Answer, Order } from './worker-messages.js';

const port = parentPort;
if (!port) throw new Error('serve-worker is started as a worker thread, by PgliteDatabase.');
const { directory, migrations } = z.object({ directory: z.string(), migrations: z.string() }).parse(workerData);

const answer = (message: Answer): void => port.postMessage(message);
const lost = (reason: string): never => {
  answer({ kind: 'lost', message: reason });
  process.exit(1); // in a worker this ends the thread at once, also from within PostgreSQL
};

const session = await PgliteSession.open(directory, lost).catch((error: unknown) => lost(messageOf(error)));
const migrated = await migrate(new PgliteMigrationTarget(session.pglite), migrations).catch(async (error: unknown) => {
  await session.close();
  return lost(messageOf(error));
});
const housekeeping = new Housekeeping((sql) => session.run(sql, []));
let last: Promise<void> = Promise.resolve();
port.on('message', (order: Order) => {
  last = last.then(() => (order.kind === 'query' ? run(order) : close()));
});
setInterval(() => {
  last = last.then(() => housekeeping.step());
}, 1_000);
answer({ kind: 'ready', migrated });

async function run({ id, sql, parameters }: Extract<Order, { kind: 'query' }>): Promise<void> {
  try {
    const table = await session.run(sql, parameters.map(parameterValue));
    housekeeping.ran();
    answer({ kind: 'table', id, table, syncs: session.syncs });
  } catch (error) {
    if (error instanceof StatementRefused) answer({ kind: 'refused', id, sqlState: error.sqlState, message: error.message });
    else answer({ kind: 'unavailable', id, message: messageOf(error) });
  }
}

async function close(): Promise<void> {
  await session.close();
  process.exit(0);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
