import type { ClientBase, PoolConfig } from 'pg';
import { DatabaseUnavailable } from '../../store/database.js';
import { PlatformUnusable } from '../platform-unusable.js';
import { EndingClient } from './ending-client.js';
import { DatabaseBehind, type LastSeen } from './last-seen.js';

const OLDEST = 15;
const CONNECT_WITHIN_MS = 5_000;

type Settings = Readonly<Record<string, string>>;

/**
 * What every connection is set to, whatever the role's or the database's defaults are. The limits keep a frozen or lost client from
 * holding up others: a fact changes only after every running append has ended (DESIGN §7).
 *
 * A statement may take longer here than this side waits for it, also with its one repetition (15 seconds each, 5 for a connection): where
 * a commit inside a procedure waits for a synchronous standby, PostgreSQL answers the end of its time with a mere warning and goes on, so
 * what only the primary has would count as done. Whoever asked must have given up long before.
 */
export const serving: Settings = {
  statement_timeout: '40s',
  lock_timeout: '5s',
  idle_in_transaction_session_timeout: '5s',
  default_transaction_isolation: 'read committed',
  default_transaction_read_only: 'off',
  timezone: 'UTC',
  datestyle: 'ISO',
  bytea_output: 'hex',
};

/** For the connection that migrates: its statements take what they take. How long one waits for locks is for each migration to say. */
export const migrating: Settings = { ...serving, statement_timeout: '0', lock_timeout: '0', idle_in_transaction_session_timeout: '60s' };

/** Connections that are fit to use: TLS, user, host and database are what the URL says, and nothing is lost that was seen. */
export function connectionTo(url: string, settings: Settings, lastSeen: LastSeen | null = null): PoolConfig {
  return {
    connectionString: url,
    application_name: 'corridor',
    connectionTimeoutMillis: CONNECT_WITHIN_MS,
    Client: EndingClient,
    keepAlive: true,
    verify: (client, done) => void checkConnection(client, settings, lastSeen).then(() => done(), done),
  };
}

const check = `select current_setting('server_version_num')::int / 10000 as version, current_setting('server_version') as version_name,
  current_setting('fsync') = 'on' as fsync, current_setting('synchronous_commit') <> 'off' as synchronous_commit,
  pg_is_in_recovery() as standby`;

interface Server {
  readonly version: number;
  readonly version_name: string;
  readonly fsync: boolean;
  readonly synchronous_commit: boolean;
  readonly standby: boolean;
}

/** Makes a new connection fit to use. Every one is asked, since each may have reached another server after a failover. */
async function checkConnection(client: ClientBase, settings: Settings, lastSeen: LastSeen | null): Promise<void> {
  const { rows } = await client.query<Server>(check);
  const [server] = rows;
  const reason = server && unfit(server);
  if (reason) throw reason;
  const set = Object.keys(settings).map((name, i) => `set_config('${name}', $${i + 1}, false)`);
  await client.query(`select ${set.join(', ')}`, Object.values(settings));
  const holds = await lastSeen?.isHeldBy(async (sql, values) => (await client.query<Record<string, unknown>>(sql, [...values])).rows);
  if (holds === false) throw new DatabaseBehind();
}

/** Why this server cannot keep what it acknowledges, or null when it can. */
export function unfit(server: Server): PlatformUnusable | DatabaseUnavailable | null {
  if (server.version < OLDEST) {
    return new PlatformUnusable(
      `Corridor needs PostgreSQL ${OLDEST} or later; the server of CORRIDOR_DATABASE_URL is ${server.version_name}.`,
    );
  }
  if (!server.fsync) return forgetful('fsync');
  if (!server.synchronous_commit) return forgetful('synchronous_commit');
  if (server.standby) return new DatabaseUnavailable('The server of CORRIDOR_DATABASE_URL is a standby, which takes no writes.');
  return null;
}

function forgetful(setting: string): PlatformUnusable {
  return new PlatformUnusable(
    `PostgreSQL runs with ${setting} = off, so it would forget entries that it acknowledged: turn it on for the database of CORRIDOR_DATABASE_URL.`,
  );
}

/** Node names the address that it could not reach in the message or, when it tried several, only a code. */
export function connectionFailure(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.message || ('code' in error ? String(error.code) : error.name);
}
