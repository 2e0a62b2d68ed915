import { z } from 'zod';
import { MetadataWatch, type Seen, type WatchedMetadata, type WatchedServer } from '../upstreams/metadata-watch.js';
import { documentShape } from '../upstreams/server-document.js';
import { time } from './column-types.js';
import type { Database } from './database.js';

const TAKE = `
  update server_metadata set tried_at = clock_now()
  where (authorization_server, issuer) = any (array(
    select (m.authorization_server, m.issuer) from server_metadata m
    where m.tried_at <= now() - $1 * interval '1 millisecond' order by m.tried_at limit $2 for update skip locked))
  returning authorization_server, issuer`;

const NOTHING_HELD = `
  update server_metadata set read_at = clock_now(), tried_at = clock_now(), fault = null,
    offered = null, offered_location = null, offered_digest = null, offered_since = null
  where authorization_server = $1 and issuer = $2 returning false as fresh`;

// what has come into use meanwhile is not offered
const OFFERED = `
  update server_metadata m set read_at = clock_now(), tried_at = clock_now(), fault = null,
    offered = $3::jsonb, offered_location = $4, offered_digest = $5,
    offered_since = case when m.offered_digest = $5 then m.offered_since else clock_now() end
  from (select offered_digest from server_metadata where authorization_server = $1 and issuer = $2 for update) as before
  where m.authorization_server = $1 and m.issuer = $2 and m.digest <> $5
  returning before.offered_digest is distinct from $5 as fresh`;

const FAILED = `
  update server_metadata set tried_at = clock_now(), fault = $3
  where authorization_server = $1 and issuer = $2 returning false as fresh`;

const ALL = `
  select authorization_server, issuer, read_at, tried_at, fault, offered, offered_location, offered_digest, offered_since
  from server_metadata order by authorization_server, issuer`;

const serverRow = z
  .object({ authorization_server: z.string(), issuer: z.string() })
  .transform(({ authorization_server, issuer }): WatchedServer => ({ authorizationServer: authorization_server, issuer }));

const offeredRow = z
  .object({ offered: documentShape, offered_location: z.string(), offered_digest: z.string(), offered_since: time })
  .transform(({ offered, offered_location: location, offered_digest: digest, offered_since: since }) => ({
    document: offered,
    location,
    digest,
    since,
  }));

const watchedRow = z
  .object({ read_at: time, tried_at: time, fault: z.string().nullable(), offered: z.unknown() })
  .transform(({ read_at: readAt, tried_at: triedAt, fault, offered }) => ({ readAt, triedAt, fault, offered }));

/** What servers offer, beside the pins that are facts: nothing here changes what anybody uses. */
export class SqlMetadataWatch extends MetadataWatch {
  constructor(private readonly database: Database) {
    super();
  }

  async takeDue(every: number, limit: number): Promise<readonly WatchedServer[]> {
    return (await this.database.query(TAKE, [every, limit])).map((row) => serverRow.parse(row));
  }

  async note({ authorizationServer, issuer }: WatchedServer, seen: Seen): Promise<boolean> {
    const [row] = await this.database.query(...noting([authorizationServer, issuer], seen));
    return row !== undefined && z.object({ fresh: z.boolean() }).parse(row).fresh;
  }

  async all(): Promise<readonly WatchedMetadata[]> {
    return (await this.database.query(ALL)).map((row) => {
      const { offered, ...watched } = watchedRow.parse(row);
      return { ...serverRow.parse(row), ...watched, offered: offered === null ? null : offeredRow.parse(row) };
    });
  }
}

function noting(server: readonly string[], seen: Seen): [sql: string, parameters: readonly unknown[]] {
  switch (seen.kind) {
    case 'nothing_held':
      return [NOTHING_HELD, server];
    case 'offered':
      return [OFFERED, [...server, JSON.stringify(seen.document.document), seen.document.location, seen.digest]];
    case 'failed':
      return [FAILED, [...server, seen.fault]];
  }
}
