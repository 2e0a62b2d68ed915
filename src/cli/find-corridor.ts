import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { CommandFailed } from './command-failed.js';
import { CorridorApi } from './corridor-api.js';

const address = z.object({ url: z.string() });

/**
 * By CORRIDOR_URL and CORRIDOR_KEY, else by the data directory. The admin key in that directory goes to the Corridor of that
 * directory alone: a URL that leads elsewhere needs a key that was made there.
 * @throws CommandFailed
 */
export async function findCorridor(environment: Readonly<Record<string, string | undefined>>, directory: string): Promise<CorridorApi> {
  const dataDirectory = path.resolve(directory, environment['CORRIDOR_DATA_DIR'] || '.corridor');
  const keyFile = path.join(dataDirectory, 'admin.key');
  const here = await readAddress(dataDirectory);
  const named = environment['CORRIDOR_URL'];
  const url = named ? readUrl(named) : here;
  const ownKey = environment['CORRIDOR_KEY'];
  const key = ownKey || (await readText(keyFile));
  if (url === null || key === null) {
    throw new CommandFailed(
      `No Corridor found: set CORRIDOR_URL and CORRIDOR_KEY, or start one here with "corridor serve" (looked in ${dataDirectory}).`,
    );
  }
  if (!ownKey && url !== here) {
    throw new CommandFailed(`CORRIDOR_URL is not the Corridor of ${dataDirectory}, whose key is not sent elsewhere: set CORRIDOR_KEY.`);
  }
  return new CorridorApi({ url, key: readKey(key, ownKey ? 'CORRIDOR_KEY' : keyFile), keySource: ownKey ? 'CORRIDOR_KEY' : keyFile });
}

/** Neither is quoted: a URL can hold a password. */
function readUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (!url || !/^https?:$/.test(url.protocol) || url.username || url.password || url.search || url.hash) {
    throw new CommandFailed('CORRIDOR_URL must be an http or https URL without a query, a fragment or credentials.');
  }
  return text.replace(/\/+$/, '');
}

/** fetch would refuse other characters with a message that holds the key. */
function readKey(text: string, source: string): string {
  const key = text.trim();
  if (!/^[\x21-\x7e]+$/.test(key)) throw new CommandFailed(`What ${source} holds is no API key.`);
  return key;
}

async function readAddress(dataDirectory: string): Promise<string | null> {
  const text = await readText(path.join(dataDirectory, 'address.json'));
  try {
    return text === null ? null : readUrl(address.parse(JSON.parse(text)).url);
  } catch {
    return null;
  }
}

async function readText(file: string): Promise<string | null> {
  try {
    return await readFile(file, 'utf8');
  } catch {
    return null;
  }
}
