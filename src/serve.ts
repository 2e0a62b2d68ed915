import { SettingsInvalid } from './config/settings-invalid.js';
import { readSettings } from './config/settings.js';
import { Journal } from './platform/journal.js';
import { PlatformUnusable } from './platform/platform-unusable.js';
import { startCorridor, StartRefused } from './start.js';

/** Serves until it is told to stop. What must not go on is one message, and the exit code 1. */
export async function serve(environment: Readonly<Record<string, string | undefined>>, directory: string): Promise<number> {
  const told = stopSignal();
  const giveUp = new AbortController();
  void told.then(() => giveUp.abort());
  try {
    const settings = readSettings(environment, directory);
    const corridor = await startCorridor(settings, environment, new Journal((line) => process.stderr.write(line)), giveUp.signal);
    process.stdout.write(`Corridor is listening at ${corridor.url}\n`);
    const lost = await Promise.race([told, corridor.lost]);
    if (lost instanceof Error) {
      process.stderr.write(`${lost.message}\n`);
      process.exit(1);
    }
    await corridor.stop();
    return 0;
  } catch (error) {
    if (!(error instanceof SettingsInvalid || error instanceof StartRefused || error instanceof PlatformUnusable)) throw error;
    process.stderr.write(`${error.message}\n`);
    return 1;
  }
}

/** The first signal ends it in order, a second one at once. */
async function stopSignal(): Promise<void> {
  await new Promise<void>((resolve) => {
    const stop = (): void => {
      process.once('SIGINT', () => process.exit(130));
      process.once('SIGTERM', () => process.exit(143));
      resolve();
    };
    process.once('SIGINT', stop);
    process.once('SIGTERM', stop);
  });
}
