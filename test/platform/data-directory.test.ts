import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { lstat, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { openDataDirectory } from '../../src/platform/embedded/data-directory.js';
import { PlatformUnusable } from '../../src/platform/platform-unusable.js';
import { awake } from '../rig/awake.js';

const alone = { exclusive: true };
const processes: Contender[] = [];
let folder: string;
let count = 0;

beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'corridor-directory-'));
});

afterAll(async () => {
  for (const { child } of processes) child.kill('SIGKILL');
  await rm(folder, { recursive: true });
});

const freshPath = (): string => path.join(folder, `data ${count++}`);

/** A process that takes or releases a directory when it is told to, and says what came of it. */
class Contender {
  readonly child: ChildProcess;
  readonly #answers: NodeJS.AsyncIterator<string>;

  constructor(directory: string) {
    const script = `
      import { createInterface } from 'node:readline';
      const { openDataDirectory } = await import(${JSON.stringify(path.resolve('dist/platform/embedded/data-directory.js'))});
      let directory;
      console.log('ready');
      for await (const line of createInterface(process.stdin)) {
        if (line === 'take') directory = await openDataDirectory(${JSON.stringify(directory)}, { exclusive: true }).catch((error) => console.log(error.message));
        else await directory?.close();
        if (directory || line !== 'take') console.log('done');
      }`;
    const child = spawn(process.execPath, ['--input-type=module', '--eval', script], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.child = child;
    this.#answers = createInterface(child.stdout)[Symbol.asyncIterator]();
    processes.push(this);
  }

  tell(order: 'take' | 'release'): void {
    this.child.stdin?.write(`${order}\n`);
  }

  async answer(): Promise<string> {
    const answer = await this.#answers.next();
    return answer.done === true ? 'nothing more' : answer.value;
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    this.child.kill(signal);
    if (this.child.exitCode === null && this.child.signalCode === null) await once(this.child, 'exit');
  }
}

async function contender(directory: string): Promise<Contender> {
  const started = new Contender(directory);
  expect(await started.answer()).toBe('ready');
  return started;
}

describe('the data directory', () => {
  it('is made with its parts, which only its owner can read', async () => {
    const directory = await openDataDirectory(path.join(freshPath(), 'deeper'), alone);
    for (const part of ['.', 'keys', 'cache', 'lock']) {
      expect((await lstat(path.join(directory.path, part))).mode & 0o777).toBe(0o700);
    }
    await directory.close();
  });

  it('is had by one at a time, who is named to the other', async () => {
    const wanted = freshPath();
    const directory = await openDataDirectory(wanted, alone);
    const second = openDataDirectory(wanted, alone);
    await expect(second).rejects.toBeInstanceOf(PlatformUnusable);
    await expect(second).rejects.toThrow(
      `Another Corridor (process ${process.pid}) is using ${wanted}: stop it, or set CORRIDOR_DATA_DIR to a directory of its own.`,
    );
    await directory.close();
    await (await openDataDirectory(wanted, alone)).close();
    expect(await readdir(path.join(wanted, 'lock'))).toEqual([]);
  });

  it('is shared by those that need not be alone', async () => {
    const wanted = freshPath();
    const both = [await openDataDirectory(wanted, { exclusive: false }), await openDataDirectory(wanted, { exclusive: false })];
    for (const directory of both) await directory.close();
  });

  it('is had by exactly one of four processes that want it at the same moment, whatever was left by those before', async () => {
    const wanted = freshPath();
    const contenders = await Promise.all([1, 2, 3, 4].map(() => contender(wanted)));
    for (let round = 0; round < 20; round++) {
      for (const one of contenders) one.tell('take');
      const answers = await Promise.all(contenders.map((one) => one.answer()));
      expect(answers.filter((answer) => answer === 'done')).toHaveLength(1);
      expect(answers.filter((answer) => answer.startsWith('Another Corridor (process '))).toHaveLength(3);
      const winner = contenders[answers.indexOf('done')];
      if (round % 4 === 3 && winner) {
        await winner.end('SIGKILL');
        contenders[answers.indexOf('done')] = await contender(wanted);
      } else {
        winner?.tell('release');
        await winner?.answer();
      }
    }
  }, 60_000);

  it('is free at once when the process that had it was killed', async () => {
    const wanted = freshPath();
    const holder = await contender(wanted);
    holder.tell('take');
    expect(await holder.answer()).toBe('done');
    await holder.end('SIGKILL');
    expect(await readdir(path.join(wanted, 'lock'))).toHaveLength(1);
    const began = awake();
    const directory = await openDataDirectory(wanted, alone);
    expect(awake() - began).toBeLessThan(3_000);
    expect(await readdir(path.join(wanted, 'lock'))).toHaveLength(1);
    await directory.close();
  }, 15_000);

  it('is still had by a process that is frozen', async () => {
    const wanted = freshPath();
    const holder = await contender(wanted);
    holder.tell('take');
    expect(await holder.answer()).toBe('done');
    holder.child.kill('SIGSTOP');
    await expect(openDataDirectory(wanted, alone)).rejects.toThrow('Another Corridor (process that does not answer) is using');
    holder.child.kill('SIGCONT');
    await expect(openDataDirectory(wanted, alone)).rejects.toThrow(`Another Corridor (process ${holder.child.pid}) is using`);
    await holder.end('SIGKILL');
  }, 15_000);

  it('may have a path that is longer than the address of a socket', async () => {
    const wanted = path.join(freshPath(), 'x'.repeat(200));
    const directory = await openDataDirectory(wanted, alone);
    await expect(openDataDirectory(wanted, alone)).rejects.toThrow('Another Corridor');
    await directory.close();
    await (await openDataDirectory(wanted, alone)).close();
  });

  it('must be a directory', async () => {
    const wanted = freshPath();
    await writeFile(wanted, '');
    await expect(openDataDirectory(wanted, alone)).rejects.toThrow(`${wanted} is not a directory: move it away, or set CORRIDOR_DATA_DIR.`);
    await expect(openDataDirectory(path.join(wanted, 'below'), alone)).rejects.toBeInstanceOf(PlatformUnusable);
  });

  // Linux alone has such a place, and Node's own mkdir spins there
  (existsSync('/proc/self') ? it : it.skip)('is refused where nothing can be made', async () => {
    const wanted = '/proc/nowhere/at/all';
    await expect(openDataDirectory(wanted, alone)).rejects.toThrow(`${wanted} cannot be used: ENOENT`);
  });

  it('is made with all that is above it, for its owner alone, also by several at once', async () => {
    const above = freshPath();
    const opened = await Promise.all([1, 2, 3].map(() => openDataDirectory(path.join(above, 'one', 'two'), { exclusive: false })));
    for (const directory of opened) await directory.close();
    for (const made of [above, path.join(above, 'one', 'two')]) expect((await lstat(made)).mode & 0o777).toBe(0o700);
  });
});
