import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { crm, startWorld, type World } from '../interop/world.js';
import { corridorCommand, type Finished } from '../rig/command-line.js';

let world: World;
let directory: string;
let env: Record<string, string>;
beforeAll(async () => {
  world = await startWorld();
  directory = await mkdtemp(path.join(os.tmpdir(), 'corridor-cli-'));
  env = { CORRIDOR_URL: world.corridor.url, CORRIDOR_KEY: world.corridor.adminKey };
}, 60_000);
afterAll(async () => {
  await world.stop();
  await rm(directory, { recursive: true, force: true });
});

const corridor = (args: readonly string[], input?: string): Promise<Finished> =>
  corridorCommand(args, env, { cwd: directory, ...(input === undefined ? {} : { input }) });
const node = (script: string): string[] => ['--', process.execPath, '-e', script];
const run = ['run', '--workflow', 'nightly-index', '--purpose', 'search-indexing'];

describe('corridor run', () => {
  it('gives its command what a run has, and never the key that started it', async () => {
    const { code, out } = await corridor([
      ...run,
      '--resource',
      crm,
      '--scope',
      'crm:read',
      ...node('console.log(JSON.stringify(process.env))'),
    ]);
    expect(code).toBe(0);
    const given = z.record(z.string(), z.string()).parse(JSON.parse(out));
    expect(given).toMatchObject({
      OAUTH_ISSUER: world.corridor.issuer,
      OAUTH_TOKEN_URL: `${world.corridor.issuer}/token`,
      OAUTH_CLIENT_ID: expect.stringMatching(/^run/),
      OAUTH_CLIENT_SECRET: expect.stringMatching(/^[A-Za-z0-9]{43}$/),
      OAUTH_RESOURCE: crm,
      OAUTH_SCOPE: 'crm:read',
    });
    expect(out).not.toContain(world.corridor.adminKey);
    const { body } = await world.corridor.api('GET', `/v1/runs/${given['OAUTH_CLIENT_ID'] ?? ''}`);
    expect(body).toMatchObject({ runtime: 'local', ended_at: expect.any(String) });
  });

  it('passes the exit code on, and ends the run all the same', async () => {
    expect(await corridor([...run, ...node('process.exit(7)')])).toMatchObject({ code: 7, err: '' });
    expect((await corridor([...run, '--', 'no-such-command-here'])).code).toBe(127);
  });

  it('ends the run on a signal', async () => {
    const { code } = await corridor([...run, ...node('process.kill(process.ppid, "SIGTERM"); setTimeout(() => {}, 20000)')]);
    expect(code).toBe(143);
    const { out } = await corridor(['entries', '--type', 'run.ended', '--limit', '1', '--json']);
    expect(JSON.parse(out)).toMatchObject({ type: 'run.ended' });
  });

  it('says what is wrong', async () => {
    expect(await corridor(['run', '--workflow', 'nobody', '--purpose', 'x', '--', 'true'])).toMatchObject({
      code: 1,
      err: expect.stringContaining('may not start this workflow'),
    });
    expect(await corridor([...run, '--ttl', 'long', '--', 'true'])).toMatchObject({ code: 1, err: expect.stringContaining('--ttl') });
  });

  it('lets corridor token print the token and nothing else', async () => {
    const script = `const { spawnSync } = require('node:child_process');
      const { stdout, stderr, status } = spawnSync(process.execPath, [${JSON.stringify(path.resolve(import.meta.dirname, '../../dist/cli.js'))}, 'token']);
      process.stdout.write(stdout); process.stderr.write(stderr); process.exit(status);`;
    const { code, out, err } = await corridor([...run, '--resource', crm, ...node(script)]);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(await world.callApi(out.trim())).toBe(200);
    const traced = await corridor(['trace', '-'], `${out}\n`);
    expect(traced).toMatchObject({ code: 0, out: expect.stringContaining('granted by policy sha256:') });
    expect(traced.out).not.toContain(out.trim());
    const refused = await corridor([...run, '--resource', crm, '--scope', 'crm:write', ...node(script)]);
    expect(refused).toMatchObject({ code: 1, out: '', err: expect.stringMatching(/access_denied.*scope_not_granted/) });
  });
});

describe('corridor token outside of a run', () => {
  it('says where it belongs', async () => {
    expect(await corridor(['token'])).toMatchObject({ code: 1, out: '', err: expect.stringContaining('corridor run') });
  });
});

describe('corridor key', () => {
  it('makes a key that is printed alone, lists and revokes it', async () => {
    const made = await corridor(['key', 'create', '--role', 'auditor', '--name', 'eve', '--json']);
    const key = z
      .strictObject({ id: z.string(), name: z.literal('eve'), roles: z.tuple([z.literal('auditor')]), key: z.string() })
      .parse(JSON.parse(made.out));
    expect((await corridorCommand(['entries', '--limit', '1'], { ...env, CORRIDOR_KEY: key.key })).code).toBe(0);
    expect((await corridor(['key', 'list'])).out).toContain(key.id);
    expect((await corridor(['key', 'revoke', key.id])).code).toBe(0);
    expect(await corridorCommand(['entries'], { ...env, CORRIDOR_KEY: key.key })).toMatchObject({
      code: 1,
      err: expect.stringContaining('unknown or revoked'),
    });
    expect((await corridor(['key', 'create', '--runtime', 'ci'])).out.trim()).toMatch(/^[A-Za-z0-9]{43}$/);
    expect(JSON.parse((await corridor(['key', 'create', '--resource', 'crm', '--json'])).out)).toMatchObject({
      name: 'crm',
      roles: ['resource-server'],
      resource: 'crm',
    });
    expect((await corridor(['key', 'create', '--role', 'king'])).code).toBe(1);
  });
});

describe('corridor suspend and resume', () => {
  it('stop and lift, and say what was live', async () => {
    const raised = await corridor(['suspend', 'workflow', 'nightly-index', '--reason', 'a drill', '--json']);
    const { id } = z.looseObject({ id: z.string(), exposure: z.array(z.unknown()) }).parse(JSON.parse(raised.out));
    expect((await corridor(['resume', id])).out).toContain('lifted');
    expect(await corridor(['resume', id])).toMatchObject({ code: 1, err: expect.stringContaining('no such suspension') });
    expect((await corridor(['suspend', 'workflow', '--reason', 'x'])).code).toBe(1);
    expect((await corridor(['suspend', 'workflow', 'nobody', '--reason', 'x'])).err).toContain('there is no workflow');
    expect((await corridor(['suspend', 'everything'])).code).toBe(1);
  });
});

describe('corridor trace', () => {
  it('ends with 2 when there is nothing', async () => {
    expect(await corridor(['trace', 'nothing-of-ours'])).toMatchObject({ code: 2, out: '' });
  });
});

describe('corridor apply', () => {
  it('shows the plan, changes nothing in a dry run, and applies', async () => {
    const source = await readFile(world.corridor.configFile, 'utf8');
    const file = path.join(directory, 'corridor.yaml');
    await writeFile(file, source.replace('max_run_ttl: 1h', 'max_run_ttl: 2h'));
    const planned = await corridor(['apply', '-f', 'corridor.yaml', '--dry-run']);
    expect(planned).toMatchObject({
      code: 0,
      out: expect.stringMatching(/~ workflow nightly-index[\s\S]*max_run_ttl: 1h -> 2h[\s\S]*dry run/),
    });
    expect((await corridor(['apply', '-f', 'corridor.yaml'])).out).toContain('Applied');
    expect((await corridor(['apply', '-f', 'corridor.yaml'])).out).toContain('Nothing to change');
    await writeFile(
      file,
      source
        .replace('owner: search-team@example.com, purposes', 'purposes')
        .replace('resources: [crm, ledger, mcp]', 'resources: [crm, ledger, mpc]'),
    );
    const broken = await corridor(['apply', '-f', 'corridor.yaml']);
    expect(broken.code).toBe(1);
    expect(broken.err).toMatch(/corridor\.yaml:\d+:\d+: .*owner/);
    expect(broken.err).toMatch(/corridor\.yaml:\d+:\d+: .*mpc/);
    await writeFile(file, source);
    expect((await corridor(['apply', '-f', file])).code).toBe(0);
    expect((await corridor(['apply', '-f', 'nowhere.yaml'])).err).toContain('corridor init');
  });
});

describe('corridor init', () => {
  it('writes a file once, and never over another', async () => {
    const empty = await mkdtemp(path.join(directory, 'init-'));
    expect((await corridorCommand(['init'], {}, { cwd: empty })).code).toBe(0);
    expect(await readFile(path.join(empty, 'corridor.yaml'), 'utf8')).toMatch(/^# yaml-language-server: \$schema=/);
    expect(await corridorCommand(['init'], {}, { cwd: empty })).toMatchObject({ code: 1, err: expect.stringContaining('there already') });
  });
});

describe('corridor policy', () => {
  const policies = path.resolve(import.meta.dirname, '../../policies');

  it('checks, tests, formats and compiles the starter policy', async () => {
    expect(await corridor(['policy', 'check', policies])).toMatchObject({ code: 0, out: expect.stringContaining('nothing wrong') });
    expect(await corridor(['policy', 'test', policies])).toMatchObject({
      code: 0,
      out: expect.stringMatching(/[1-9]\d* passed, 0 failed/),
    });
    expect(await corridor(['policy', 'fmt', '--check', policies])).toMatchObject({ code: 0 });
    expect(await corridor(['policy', 'compile', policies, '-o', 'p.wasm'])).toMatchObject({
      code: 0,
      out: expect.stringContaining('corridor/token/decision'),
    });
    expect((await readFile(path.join(directory, 'p.wasm'))).subarray(1, 4).toString()).toBe('asm');
  });

  it('points at what is wrong, by file, row and column', async () => {
    const broken = await mkdtemp(path.join(directory, 'policy-'));
    await writeFile(path.join(broken, 'token.rego'), 'package corridor.token\n\ndecision := {"allow": tru}\n');
    const { code, err } = await corridor(['policy', 'check', broken]);
    expect(code).toBe(1);
    expect(err).toMatch(/token\.rego:3:\d+: rego_unsafe_var_error/);
    expect((await corridor(['policy', 'check', path.join(directory, 'nowhere')])).err).toContain('no policy directory');
  });
});

describe('corridor posture and client jwks', () => {
  it('say what is so', async () => {
    const { code, out } = await corridor(['posture', '--json']);
    expect(code).toBe(0);
    expect(
      z
        .array(z.looseObject({ code: z.string() }))
        .parse(JSON.parse(out))
        .map((finding) => finding.code),
    ).toContain('secret_in_use');
    expect(JSON.parse((await corridor(['client', 'jwks', 'indexer'])).out)).toEqual({ keys: [] });
    expect((await corridor(['client', 'jwks', 'nobody'])).code).toBe(1);
  });
});

describe('corridor, when there is none', () => {
  it('says how to start one', async () => {
    expect(await corridorCommand(['entries'], {}, { cwd: directory })).toMatchObject({
      code: 1,
      err: expect.stringContaining('corridor serve'),
    });
    expect(await corridorCommand(['entries'], { CORRIDOR_URL: 'http://127.0.0.1:9', CORRIDOR_KEY: 'x' })).toMatchObject({
      code: 1,
      err: expect.stringContaining('cannot be reached'),
    });
  });
});
