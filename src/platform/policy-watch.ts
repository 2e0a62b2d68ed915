import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Tells when the files of a policy directory have changed and come to rest: two looks in a row that see the same, and not what
 * was told last. It looks instead of listening, since file events are lost on network file systems, in containers and when an
 * editor replaces files. The first look counts as a change, so that nothing is missed between a reading and the watch.
 * It does not keep the process alive.
 */
export class PolicyWatch {
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> = Promise.resolve();
  #seen: string | null = null;
  #told: string | null = null;
  #stopped = false;

  /** There is no other look before `changed` has settled; when it rejects, it is told again. `interval` in milliseconds. */
  constructor(
    private readonly directory: string,
    private readonly changed: () => Promise<void>,
    private readonly failed: (error: unknown) => void = () => undefined,
    private readonly interval = 1000,
  ) {}

  start(): void {
    this.#timer = setTimeout(() => {
      this.#looking = this.#look().then(() => {
        if (!this.#stopped) this.start();
      });
    }, this.interval).unref();
  }

  /** Resolves when no call of `changed` is under way, and none will come. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#looking;
  }

  async #look(): Promise<void> {
    const sees = await fingerprint(this.directory);
    const atRest = sees === this.#seen;
    this.#seen = sees;
    if (!atRest || sees === this.#told || this.#stopped) return;
    try {
      await this.changed();
      this.#told = sees;
    } catch (error) {
      this.failed(error);
    }
  }
}

/** Names, times and sizes of everything in the directory; the error, when it cannot be seen. */
async function fingerprint(directory: string): Promise<string> {
  try {
    const names = (await readdir(directory, { recursive: true })).sort();
    const lines = await Promise.all(
      names.map(async (name) => {
        const { mtimeMs, ctimeMs, size, ino } = await stat(join(directory, name));
        return `${name} ${mtimeMs} ${ctimeMs} ${size} ${ino}`;
      }),
    );
    return lines.join('\n');
  } catch (error) {
    return String(error);
  }
}
