import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { givenFor, readVariable, valueOf, type Environment } from '../config/given.js';
import { asApiKey, asHttpUrl } from '../config/readers.js';
import { fileVariable } from '../config/variables.js';
import { CommandFailed } from './command-failed.js';
import { CorridorApi } from './corridor-api.js';

const address = z.object({ url: z.string() });

/**
 * By CORRIDOR_URL and CORRIDOR_KEY, else by the data directory. The admin key in that directory goes to the Corridor of that
 * directory alone: a URL that leads elsewhere needs a key that was made there. `warn` is told what is not well about a file.
 * @throws CommandFailed, SettingsInvalid
 */
export async function findCorridor(
  environment: Environment,
  directory: string,
  warn: (message: string) => void = () => undefined,
): Promise<CorridorApi> {
  const dataDirectory = readVariable('CORRIDOR_DATA_DIR', environment, directory);
  const keyFile = path.join(dataDirectory, 'admin.key');
  const here = await readAddress(dataDirectory);
  const url = readVariable('CORRIDOR_URL', environment, directory) ?? here;
  const given = givenFor('CORRIDOR_KEY', environment, directory);
  if (given !== null && given.warning !== null) warn(given.warning);
  const ownKey = valueOf('CORRIDOR_KEY', given, directory);
  const key = ownKey ?? (await readText(keyFile));
  if (url === null || key === null) {
    throw new CommandFailed(
      `No Corridor found: set CORRIDOR_URL and CORRIDOR_KEY, or start one here with "corridor serve" (looked in ${dataDirectory}).`,
    );
  }
  if (ownKey === null && url !== here) {
    throw new CommandFailed(`CORRIDOR_URL is not the Corridor of ${dataDirectory}, whose key is not sent elsewhere: set CORRIDOR_KEY.`);
  }
  const keySource = given === null ? keyFile : given.file === null ? 'CORRIDOR_KEY' : fileVariable('CORRIDOR_KEY');
  return new CorridorApi({ url, key: asApiKey(key, keyFile, directory), keySource });
}

async function readAddress(dataDirectory: string): Promise<string | null> {
  const file = path.join(dataDirectory, 'address.json');
  const text = await readText(file);
  try {
    return text === null ? null : asHttpUrl(address.parse(JSON.parse(text)).url, file, dataDirectory);
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
