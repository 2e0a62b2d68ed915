import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { AesSealer } from '../../src/credentials/aes-sealer.js';
import { openEmbedded } from '../../src/platform/embedded/open-embedded.js';
import { openLocalKeyFile } from '../../src/platform/keys/local-key-file.js';
import { SystemRandomness } from '../../src/platform/system-randomness.js';
import { SqlCredentials } from '../../src/store/sql-credentials.js';

/** What Corridor has left in its data directory, looked at when it is not there. */
export interface LeftBehind {
  /** Every file, by its path in the directory. */
  readonly files: ReadonlyMap<string, Buffer>;
  /** Every row of every table: as text, and the bytes of columns that hold bytes. */
  readonly tables: ReadonlyMap<string, Buffer>;
  /** The private halves of the keys that Corridor made for its clients, as JWKs in JSON. */
  readonly privateKeys: readonly string[];
  /** What stands in the key file. */
  readonly sealingKey: string;
}

const named = z.object({ name: z.string() });
const rowText = z.object({ row: z.string() });

export async function lookInto(dataDir: string, clients: readonly string[]): Promise<LeftBehind> {
  const files = new Map(
    readdirSync(dataDir, { recursive: true, withFileTypes: true })
      .filter((found) => found.isFile())
      .map((found) => path.join(found.parentPath, found.name))
      .map((file) => [path.relative(dataDir, file), readFileSync(file)]),
  );
  const randomness = new SystemRandomness();
  const keyFile = path.join('keys', 'seal.key');
  const { keyEncryptionKey } = await openLocalKeyFile(path.join(dataDir, keyFile), randomness);
  const [, sealingKey = ''] = String(files.get(keyFile)).trim().split(' ');
  const database = await openEmbedded(path.join(dataDir, 'db'));
  try {
    const names = (await database.query(`select tablename as name from pg_tables where schemaname = 'public'`)).map(
      (row) => named.parse(row).name,
    );
    const tables = new Map<string, Buffer>();
    for (const name of names) {
      const rows = await database.query(`select t::text as row from "${name}" t`);
      tables.set(name, Buffer.concat(rows.map((row) => withBytes(rowText.parse(row).row))));
    }
    const credentials = new SqlCredentials(database, new AesSealer(keyEncryptionKey, randomness));
    const opened = await Promise.all(clients.map((client) => credentials.current(client)));
    const privateKeys = opened.flatMap((credential) => (credential?.method === 'private_key_jwt' ? [credential.privateKey.reveal()] : []));
    return { files, tables, privateKeys, sealingKey };
  } finally {
    await database.close();
  }
}

/** PostgreSQL writes bytes in hex, behind `\\x`. */
function withBytes(row: string): Buffer {
  const columns = [...row.matchAll(/\\x([0-9a-f]+)/g)].map(([, hex = '']) => Buffer.from(hex, 'hex'));
  return Buffer.concat([Buffer.from(`${row}\n`), ...columns]);
}
