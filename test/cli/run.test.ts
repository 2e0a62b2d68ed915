import { once } from 'node:events';
import { createServer } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { crm, startWorld, type World } from '../interop/world.js';
import { cli, corridorCommand, startCommand, until, type Finished } from '../rig/command-line.js';

let world: World;
let env: Record<string, string>;
beforeAll(async () => {
  world = await startWorld();
  env = { CORRIDOR_URL: world.corridor.url, CORRIDOR_KEY: world.corridor.adminKey };
}, 60_000);
afterAll(() => world.stop());

const run = ['run', '--workflow', 'nightly-index', '--purpose', 'search-indexing'];
const corridor = (...args: string[]): Promise<Finished> => corridorCommand(args, env);
const node = (script: string): string[] => ['--', process.execPath, '-e', script];
const insideRun = (...args: string[]): string[] => ['--', process.execPath, cli, ...args];

async function readRun(id: string): Promise<unknown> {
  return (await world.corridor.api('GET', `/v1/runs/${id}`)).body;
}

const hasEnded: unknown = expect.objectContaining({ ended_at: expect.any(String) });

describe('corridor run', () => {
  it('gives its command what a run has, and never the key that started it', async () => {
    const printed = await corridor(...run, '--resource', crm, '--scope', 'crm:read', ...node('console.log(JSON.stringify(process.env))'));
    expect(printed.code).toBe(0);
    const given = z.record(z.string(), z.string()).parse(JSON.parse(printed.out));
    expect(given).toMatchObject({
      OAUTH_ISSUER: world.corridor.issuer,
      OAUTH_TOKEN_URL: `${world.corridor.issuer}/token`,
      OAUTH_CLIENT_ID: expect.stringMatching(/^run/),
      OAUTH_CLIENT_SECRET: expect.stringMatching(/^[A-Za-z0-9]{43}$/),
      OAUTH_RESOURCE: crm,
      OAUTH_SCOPE: 'crm:read',
    });
    expect(Object.keys(given).filter((name) => name.startsWith('CORRIDOR_'))).toEqual([]);
    expect(printed.out).not.toContain(world.corridor.adminKey);
    expect(await readRun(given['OAUTH_CLIENT_ID'] ?? '')).toMatchObject({ runtime: 'local', ended_at: expect.any(String) });
  });

  it('passes the exit code on, and 128 and its number for a signal', async () => {
    expect(await corridor(...run, ...node('process.exit(7)'))).toEqual({ code: 7, out: '', err: '' });
    expect(await corridor(...run, ...node('process.kill(process.pid, "SIGKILL"); setTimeout(() => {}, 20000)'))).toMatchObject({
      code: 137,
    });
    expect(await corridor(...run, '--', 'no-such-command-here')).toEqual({
      code: 127,
      out: '',
      err: 'no-such-command-here: command not found\n',
    });
  });

  it.each([
    ['SIGTERM', 143],
    ['SIGINT', 130],
    ['SIGHUP', 129],
  ] as const)('hands %s on to its command, and ends the run', async (signal, expected) => {
    const running = startCommand([...run, ...node('console.log(process.env.OAUTH_CLIENT_ID); setTimeout(() => {}, 20000)')], env);
    await until(() => running.out().includes('\n'));
    expect(await readRun(running.out().trim())).not.toEqual(hasEnded);
    running.child.kill(signal);
    expect(await running.finished).toMatchObject({ code: expected, err: '' });
    expect(await readRun(running.out().trim())).toEqual(hasEnded);
  });

  it('lets a command that heeds a signal end by itself, with its own exit code', async () => {
    const heeds = 'process.on("SIGTERM", () => process.exit(5)); console.log("ready"); setTimeout(() => {}, 20000)';
    const running = startCommand([...run, ...node(heeds)], env);
    await until(() => running.out().includes('ready'));
    running.child.kill('SIGTERM');
    expect(await running.finished).toMatchObject({ code: 5, err: '' });
  });

  it('says what is wrong, and starts nothing', async () => {
    const wrong = await corridor('run', '--workflow', 'nobody', '--purpose', 'x', ...node('console.log("started")'));
    expect(wrong).toMatchObject({ code: 1, out: '', err: expect.stringContaining('may not start this workflow') });
    expect(await corridor(...run, '--ttl', '0', '--', 'true')).toMatchObject({ code: 2, err: expect.stringContaining('--ttl') });
    expect(await corridor('run', '--workflow', 'nightly-index', '--', 'true')).toMatchObject({ code: 2 });
    expect(await corridor(...run)).toMatchObject({ code: 2, err: expect.stringContaining("missing required argument 'command'") });
  });
});

describe('corridor token', () => {
  it('prints the token and nothing else', async () => {
    const { code, out, err } = await corridor(...run, '--resource', crm, ...insideRun('token'));
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toMatch(/^\S+\n$/);
    expect(await world.callApi(out.trim())).toBe(200);
    const { out: answer } = await corridor(...run, '--resource', crm, ...insideRun('token', '--json'));
    expect(JSON.parse(answer)).toMatchObject({ access_token: expect.any(String), token_type: 'Bearer', scope: 'crm:read' });
  });

  it('says why there is none', async () => {
    expect(await corridor(...run, '--resource', crm, '--scope', 'crm:write', ...insideRun('token'))).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringMatching(/^access_denied: .*\(scope_not_granted\) — entry ent\w+\n$/),
    });
    expect(await corridor('token')).toMatchObject({ code: 1, out: '', err: expect.stringContaining('corridor run') });
  });

  it('takes no other answer for a token', async () => {
    const other = createServer((_, response) => response.end('{"greeting":"hello"}'));
    await once(other.listen(0, '127.0.0.1'), 'listening');
    const { port } = z.object({ port: z.number() }).parse(other.address());
    const run = { OAUTH_CLIENT_ID: 'run', OAUTH_CLIENT_SECRET: 'none' };
    expect(await corridorCommand(['token', '--json'], { ...run, OAUTH_TOKEN_URL: `http://127.0.0.1:${port}` })).toEqual({
      code: 1,
      out: '',
      err: 'OAUTH_TOKEN_URL answered with something that is no token.\n',
    });
    other.close();
    expect(await corridorCommand(['token'], { ...run, OAUTH_TOKEN_URL: 'http://127.0.0.1:9/token' })).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringContaining('cannot be reached'),
    });
  });
});
