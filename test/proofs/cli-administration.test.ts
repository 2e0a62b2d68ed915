import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { corridorCommand, type Finished } from '../rig/command-line.js';
import { startCorridor, type RunningCorridor } from '../rig/corridor.js';
import { catalogue } from '../cli/catalogue.js';

let running: RunningCorridor;
let directory: string;
let env: Record<string, string>;
beforeAll(async () => {
  running = await startCorridor({ catalogue });
  directory = await mkdtemp(path.join(os.tmpdir(), 'corridor-cli-'));
  env = { CORRIDOR_URL: running.url, CORRIDOR_KEY: running.adminKey };
}, 60_000);
afterAll(async () => {
  await running.stop();
  await rm(directory, { recursive: true, force: true });
});

const corridor = (...args: string[]): Promise<Finished> => corridorCommand(args, env, { cwd: directory });
const withKey = (key: string, ...args: string[]): Promise<Finished> => corridorCommand(args, { ...env, CORRIDOR_KEY: key });

describe('corridor key', () => {
  it('makes a key that is printed alone, lists it without its text, and revokes it', async () => {
    const made = await corridor('key', 'create', '--role', 'auditor', '--name', 'eve', '--json');
    const key = z
      .strictObject({ id: z.string(), name: z.literal('eve'), roles: z.tuple([z.literal('auditor')]), key: z.string() })
      .parse(JSON.parse(made.out));
    expect(await withKey(key.key, 'entries', '--limit', '1')).toMatchObject({ code: 0 });
    const { out } = await corridor('key', 'list');
    expect(out).toContain(`${key.id}  eve`);
    expect(out).not.toContain(key.key);
    expect(await corridor('key', 'revoke', key.id)).toMatchObject({ code: 0, out: `${key.id} revoked\n` });
    expect(await withKey(key.key, 'entries')).toEqual({
      code: 1,
      out: '',
      err: 'The key of CORRIDOR_KEY was not accepted: this API key is unknown or revoked\n',
    });
    expect(await corridor('key', 'revoke', key.id)).toMatchObject({ code: 1, out: '', err: expect.stringContaining('no such key') });
  });

  it('makes a key that starts runs of a runtime, whatever else it may do', async () => {
    expect((await corridor('key', 'create', '--runtime', 'ci')).out).toMatch(/^[A-Za-z0-9]{43}\n$/);
    const { out } = await corridor('key', 'create', '--runtime', 'ci', '--role', 'auditor', '--role', 'auditor', '--json');
    expect(JSON.parse(out)).toMatchObject({ name: 'ci', roles: ['auditor', 'runtime'], runtime: 'ci' });
    const enrolled = await corridor('key', 'create', '--resource', 'crm', '--json');
    expect(JSON.parse(enrolled.out)).toMatchObject({ name: 'crm', roles: ['resource-server'], resource: 'crm' });
  });

  it('says what is missing, and what the key of the caller may not do', async () => {
    expect(await corridor('key', 'create')).toMatchObject({ code: 2, out: '', err: expect.stringContaining('--role') });
    expect(await corridor('key', 'create', '--role', 'king')).toMatchObject({ code: 2, err: expect.stringContaining('auditor') });
    expect(await corridor('key', 'create', '--runtime', 'x')).toMatchObject({
      code: 1,
      err: expect.stringContaining('not in the catalogue'),
    });
    const responder = (await corridor('key', 'create', '--role', 'responder')).out.trim();
    expect(await withKey(responder, 'key', 'list')).toMatchObject({ code: 1, out: '', err: expect.stringContaining('auditor or admin') });
  });
});

describe('corridor suspend, suspensions and resume', () => {
  it('stop, list and lift', async () => {
    const expires = '2100-01-01T00:00:00.000Z';
    const raised = await corridor('suspend', 'workflow', 'nightly-index', '--reason', 'a drill', '--expires', expires, '--json');
    const { id } = z.looseObject({ id: z.string(), exposure: z.tuple([]) }).parse(JSON.parse(raised.out));
    const everything = await corridor('suspend', 'everything', '--reason', 'a drill');
    expect(everything.out).toMatch(/^sus\w+: everything stopped at \S+, epoch \S+\. It covers \d+ active runs\.\nNo token /);
    expect(everything.out).toMatch(/\nLift it with: corridor resume sus\w+\n$/);
    const { out } = await corridor('suspensions');
    expect(out).toMatch(new RegExp(`^${id}  workflow +nightly-index  raised at \\S+ by admin, until ${expires}  a drill$`, 'm'));
    expect(out).toMatch(/^sus\w+ {2}everything +raised at \S+ by admin +a drill$/m);
    expect(await corridor('resume', id)).toMatchObject({ code: 0, out: expect.stringContaining('lifted') });
    expect(await corridor('resume', everything.out.slice(0, id.length), '--json')).toMatchObject({ code: 0 });
    expect(JSON.parse((await corridor('suspensions', '--json')).out)).toEqual([]);
    expect(await corridor('resume', id)).toMatchObject({ code: 1, out: '', err: expect.stringContaining('no such suspension') });
  }, 90_000);

  it.each([
    ['say which workflow', 'workflow', '--reason', 'x'],
    ['takes no id', 'everything', 'x', '--reason', 'x'],
    ['--reason', 'everything'],
    ['Allowed choices', 'planet', 'earth', '--reason', 'x'],
    ['--expires takes', 'everything', '--reason', 'x', '--expires', 'tomorrow'],
  ])('asks for what it needs: %s', async (told, ...args) => {
    expect(await corridor('suspend', ...args)).toMatchObject({ code: 2, out: '', err: expect.stringContaining(told) });
  });

  it('does not stop what is not there', async () => {
    expect(await corridor('suspend', 'workflow', 'nobody', '--reason', 'x')).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringContaining('there is no workflow'),
    });
  });
});

describe('corridor client jwks and posture', () => {
  it('prints the public half of a key that Corridor made', async () => {
    const { code, out } = await corridor('client', 'jwks', 'indexer');
    expect(code).toBe(0);
    expect(JSON.parse(out)).toEqual({ keys: [expect.objectContaining({ use: 'sig', kid: expect.any(String) })] });
    expect(out).not.toContain('"d"');
    expect(await corridor('client', 'jwks', 'nobody')).toEqual({ code: 1, out: '', err: 'There is no client nobody in the catalogue.\n' });
  });

  it('says what could be better, and of what', async () => {
    const { code, out } = await corridor('posture', '--json');
    expect(code).toBe(0);
    const findings = z.array(z.looseObject({ code: z.string(), subject: z.string() })).parse(JSON.parse(out));
    expect(findings).toContainEqual(expect.objectContaining({ code: 'audience_not_required', subject: 'resource crm' }));
    expect((await corridor('posture')).out).toMatch(/^\w+ +audience_not_required +resource crm +\S/m);
    expect(await withKey('wrong', 'posture')).toMatchObject({ code: 1, out: '', err: expect.stringContaining('CORRIDOR_KEY') });
  });
});

describe('corridor apply', () => {
  it('shows the plan, changes nothing in a dry run, and applies', async () => {
    const source = await readFile(running.configFile, 'utf8');
    await writeFile(path.join(directory, 'moved.yaml'), source.replace('max_run_ttl: 1h', 'max_run_ttl: 2h'));
    const plan = /~ workflow nightly-index[\s\S]*max_run_ttl: 1h -> 2h[\s\S]*dry run/;
    for (const time of ['first', 'second']) {
      const planned = await corridor('apply', '-f', 'moved.yaml', '--dry-run');
      expect({ time, ...planned }).toEqual({ time, code: 0, out: expect.stringMatching(plan), err: '' });
    }
    const { out } = await corridor('apply', '-f', 'moved.yaml', '--json');
    expect(JSON.parse(out)).toMatchObject({ applied: true, plan: expect.arrayContaining(['~ workflow nightly-index']) });
    expect(await corridor('apply', '-f', 'moved.yaml')).toMatchObject({ code: 0, out: 'Nothing to change.\n' });
    expect(await corridor('apply', '-f', running.configFile)).toMatchObject({
      code: 0,
      out: expect.stringContaining('Applied as revision'),
    });
  });

  it('points at what is wrong, and says which secret is missing', async () => {
    await writeFile(path.join(directory, 'broken.yaml'), catalogue.replace('resources: [crm]', 'resources: [cmr]'));
    expect(await corridor('apply', '-f', 'broken.yaml', '--json')).toEqual({
      code: 1,
      out: '',
      err: expect.stringMatching(/^broken\.yaml:\d+:\d+: there is no resource cmr: .+$/m),
    });
    const secret = catalogue.replace('credential: generate', 'credential: "env:CORRIDOR_CLIENT_ABSENT"');
    await writeFile(path.join(directory, 'secret.yaml'), secret.replace('private_key_jwt', 'client_secret_basic'));
    expect(await corridor('apply', '-f', 'secret.yaml')).toMatchObject({ code: 1, err: expect.stringContaining('CORRIDOR_CLIENT_ABSENT') });
  });
});

describe('corridor client', () => {
  it('rotates a key: says what its server must be told, goes on when it was, and can be called off', async () => {
    const kids = async (): Promise<readonly string[]> =>
      z
        .object({ keys: z.array(z.looseObject({ kid: z.string() })) })
        .parse(JSON.parse((await corridor('client', 'jwks', 'indexer')).out))
        .keys.map(({ kid }) => kid);
    const [old] = await kids();
    expect(await corridor('client', 'show', 'indexer')).toMatchObject({
      code: 0,
      out: expect.stringMatching(/rotation: by hand, due .*\ncurrent {2}cre/),
    });
    expect(await corridor('client', 'rotate', 'indexer', '--registered')).toMatchObject({
      code: 1,
      err: expect.stringContaining('no rotation'),
    });
    expect(await corridor('client', 'rotate', 'indexer')).toMatchObject({
      code: 0,
      out: expect.stringContaining('corridor client rotate indexer --registered'),
    });
    // both are published, side by side
    expect(await kids()).toEqual([expect.not.stringMatching(`^${old ?? ''}$`), old]);
    expect(await corridor('client', 'rotate', 'indexer')).toMatchObject({ code: 1, err: expect.stringContaining('under way') });
    expect((await corridor('posture')).out).toContain('rotation_waiting');
    const confirmed = await corridor('client', 'rotate', 'indexer', '--registered', '--json');
    expect(JSON.parse(confirmed.out)).toMatchObject({ client: 'indexer', state: 'proving', begun_by: 'admin', ended_at: null });
    expect(await corridor('client', 'rotate', 'indexer', '--cancel')).toMatchObject({ code: 0, out: expect.stringContaining('is gone') });
    expect(await kids()).toEqual([old]);
    const shown: unknown = JSON.parse((await corridor('client', 'show', 'indexer', '--json')).out);
    expect(shown).toMatchObject({
      credentials: [{ kid: old, state: 'current' }],
      rotation: { state: 'cancelled' },
      rotation_overdue: false,
    });
    expect(JSON.stringify(shown)).not.toContain('"d"');
  }, 90_000);

  it('says what is wrong', async () => {
    expect(await corridor('client', 'show', 'nobody')).toMatchObject({ code: 1, err: 'there is no such client\n' });
    expect(await corridor('client', 'rotate', 'nobody')).toMatchObject({ code: 1, err: 'there is no such client\n' });
    expect(await corridor('client', 'rotate', 'indexer', '--registered', '--cancel')).toMatchObject({ code: 2 });
    const auditor = (await corridor('key', 'create', '--role', 'auditor')).out.trim();
    expect(await withKey(auditor, 'client', 'show', 'indexer')).toMatchObject({ code: 0 });
    expect(await withKey(auditor, 'client', 'rotate', 'indexer')).toMatchObject({ code: 1 });
  });
});
