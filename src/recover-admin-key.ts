import path from 'node:path';
import { hashKey } from './access/principal.js';
import { compose, type Corridor } from './compose.js';
import { readSettings } from './config/settings.js';
import { newIdentifier, newSecretText } from './oauth/identifier.js';
import { Secret } from './oauth/secret.js';
import { Journal } from './platform/journal.js';
import { openPlatform } from './platform/open-platform.js';
import { PlatformUnusable } from './platform/platform-unusable.js';
import { readTextFile, writePrivateFile } from './platform/private-file.js';
import { adminKeyFile, firstAdmin, requireSealingKey } from './start.js';

/**
 * Nobody has an admin key any more: whoever has the database and the key file makes another one, which the record says. It lies where a
 * first start puts its own, and before it is registered. @throws PlatformUnusable, StartRefused, Unavailable
 */
export async function recoverAdminKey(
  environment: Readonly<Record<string, string | undefined>>,
  directory: string,
  reason: string,
): Promise<string> {
  const settings = readSettings(environment, directory);
  const platform = await openPlatform(settings, environment, new Journal((line) => process.stderr.write(line)));
  try {
    const corridor = compose(platform, settings);
    await corridor.facts.initialise(newIdentifier('inc', platform.clock.now(), platform.randomness));
    await requireSealingKey(corridor, settings);
    const file = path.join(settings.dataDirectory, adminKeyFile);
    await requireNoKeyIn(file, corridor);
    const key = new Secret(newSecretText(platform.randomness));
    await writePrivateFile(file, `${key.reveal()}\n`);
    const { id, entry } = await corridor.manageKeys.recover(firstAdmin(platform), 'corridor recover-admin-key', reason, key);
    return `A new admin key, ${id}, lies in ${file}. It is recorded as ${entry}.`;
  } finally {
    await platform.close();
  }
}

async function requireNoKeyIn(file: string, corridor: Corridor): Promise<void> {
  const text = (await readTextFile(file))?.trim();
  const { keys } = await corridor.facts.latest();
  if (text && keys.some(({ roles, sha256 }) => roles.includes('admin') && sha256 === hashKey(text))) {
    throw new PlatformUnusable(`${file} holds an admin key that is in use: take that one.`);
  }
}
