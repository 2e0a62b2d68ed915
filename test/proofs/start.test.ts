import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { spawn, type ChildProcess } from 'node:child_process';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { corridorCommand } from '../rig/command-line.js';
import { freePort } from '../rig/corridor.js';

const main = path.resolve(import.meta.dirname, '../../dist/main.js');
const policies = path.resolve(import.meta.dirname, '../../policies');

let directory: string;
let children: ChildProcess[];
beforeEach(async () => {
  directory = await mkdtemp(path.join(os.tmpdir(), 'corridor-start-'));
  children = [];
});
afterEach(async () => {
  await Promise.all(children.map((child) => ended(child, 'SIGKILL')));
  await rm(directory, { recursive: true, force: true });
});

interface Started {
  readonly child: ChildProcess;
  readonly text: () => string;
}

function start(env: Readonly<Record<string, string>>): Started {
  const child = spawn(process.execPath, [main], {
    cwd: directory,
    env: { PATH: process.env['PATH'], CORRIDOR_POLICIES: policies, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  return { child, text: () => text };
}

async function ended(child: ChildProcess, signal?: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  if (signal !== undefined) child.kill(signal);
  return new Promise((resolve) => child.once('exit', resolve));
}

async function ready({ child, text }: Started, url: string): Promise<void> {
  while (child.exitCode === null) {
    if (
      await fetch(`${url}/.well-known/oauth-authorization-server/oauth2`).then(
        ({ ok }) => ok,
        () => false,
      )
    )
      return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`it ended: ${text()}`);
}

/** What was refused: the exit code is 1, and there is one message. */
async function refused(env: Readonly<Record<string, string>>): Promise<string> {
  const started = start(env);
  expect(await ended(started.child)).toBe(1);
  return started.text();
}

describe('the first start', () => {
  it('needs nothing, makes an admin key that only its owner can read, and says what to do', async () => {
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const started = start({ CORRIDOR_PORT: String(port) });
    await ready(started, url);
    const file = path.join(directory, '.corridor', 'admin.key');
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect((await stat(path.join(directory, '.corridor'))).mode & 0o077).toBe(0);
    const key = (await readFile(file, 'utf8')).trim();
    expect((await fetch(`${url}/v1/entries`, { headers: { authorization: `Bearer ${key}` } })).status).toBe(200);
    expect(started.text()).toContain('corridor init');

    // the command line finds it by the directory alone
    expect((await corridorCommand(['key', 'list'], {}, { cwd: directory })).out).toContain('admin');

    const second = await refused({ CORRIDOR_PORT: String(await freePort()) });
    expect(second).toMatch(/^Another Corridor \(process \d+\) is using .*\n$/);

    expect(await ended(started.child, 'SIGTERM')).toBe(0);
    const again = start({ CORRIDOR_PORT: String(port) });
    await ready(again, url);
    expect((await fetch(`${url}/v1/entries`, { headers: { authorization: `Bearer ${key}` } })).status).toBe(200);
    expect(await ended(again.child, 'SIGTERM')).toBe(0);
  }, 120_000);
});

describe('a start that must not go on', () => {
  it('names a port that is in use', async () => {
    const taken = net.createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const address = taken.address();
    const port = typeof address === 'object' ? address?.port : 0;
    expect(await refused({ CORRIDOR_PORT: String(port) })).toMatch(
      /^Port \d+ at 127\.0\.0\.1 is in use by another process: set CORRIDOR_PORT.*\n$/,
    );
    taken.close();
    expect(await readdir(directory)).toEqual([]);
  });

  it('names a variable that it does not know, and lets those of tests be', async () => {
    expect(await refused({ CORRIDOR_PROT: '1' })).toMatch(/^CORRIDOR_PROT is no variable of Corridor.*\n$/);
    expect(await refused({ CORRIDOR_TEST_X: '1', CORRIDOR_CLIENT_X: '1', CORRIDOR_PORT: 'x' })).toMatch(
      /^CORRIDOR_PORT must be a number.*\n$/,
    );
    expect(await readdir(directory)).toEqual([]);
  });

  it('names what is wrong with corridor.yaml, by line and column', async () => {
    await writeFile(path.join(directory, 'corridor.yaml'), 'version: 1\nworkflwos: {}\n');
    const text = await refused({ CORRIDOR_PORT: String(await freePort()) });
    expect(text).toMatch(/corridor\.yaml:2:1: .*workflwos.*workflows/);
    expect(await readdir(directory)).toEqual(['corridor.yaml']);
  });

  it('wants a file that was named, and https wherever others can reach it', async () => {
    expect(await refused({ CORRIDOR_CONFIG: 'nowhere.yaml' })).toMatch(/^CORRIDOR_CONFIG names .*nowhere\.yaml, which is not there\.\n$/);
    expect(await refused({ CORRIDOR_HOST: '0.0.0.0' })).toMatch(/^CORRIDOR_HOST is 0\.0\.0\.0.*CORRIDOR_PUBLIC_URL.*\n$/);
    expect(await refused({ CORRIDOR_INPUT_RETENTION: '0d' })).toMatch(
      /^CORRIDOR_INPUT_RETENTION must be a number of days, such as 90d\.\n$/,
    );
    expect(await refused({ CORRIDOR_PUBLIC_URL: 'http://corridor.example' })).toMatch(/^CORRIDOR_PUBLIC_URL must be https.*\n$/);
  });
});

describe('a policy directory', () => {
  it('is watched: an edit that is broken is refused aloud and changes nothing, one that passes decides', async () => {
    const own = path.join(directory, 'policies');
    const { cp } = await import('node:fs/promises');
    await cp(policies, own, { recursive: true });
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const started = start({ CORRIDOR_PORT: String(port), CORRIDOR_POLICIES: own });
    await ready(started, url);
    const key = (await readFile(path.join(directory, '.corridor', 'admin.key'), 'utf8')).trim();
    const activated = async (): Promise<number> => {
      const response = await fetch(`${url}/v1/entries?type=policy.activated`, { headers: { authorization: `Bearer ${key}` } });
      return ((await response.json()) as { entries: unknown[] }).entries.length;
    };
    expect(await activated()).toBe(1);

    const token = path.join(own, 'token.rego');
    const good = await readFile(token, 'utf8');
    await writeFile(token, `${good}\nbroken :=\n`);
    await until(() => started.text().includes('"policy_refused"'));
    expect(started.text()).toMatch(/"policy_refused".*token\.rego/);
    expect(await activated()).toBe(1);

    await writeFile(token, `# a new word\n${good}`);
    await until(async () => (await activated()) === 2);
    expect(await ended(started.child, 'SIGTERM')).toBe(0);
  }, 120_000);
});

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let look = 0; look < 200; look++) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error('it did not come about');
}
