import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { spawn } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import canonicalize from 'canonicalize';
import { decodeJwt } from 'jose';
import { z } from 'zod';
import { crm, startWorld, type World } from '../interop/world.js';
import { cli, corridorCommand, startCommand, until, type Finished } from '../rig/command-line.js';

let world: World;
let env: Record<string, string>;
let token: string;
beforeAll(async () => {
  world = await startWorld();
  env = { CORRIDOR_URL: world.corridor.url, CORRIDOR_KEY: world.corridor.adminKey };
  const run = ['run', '--workflow', 'nightly-index', '--purpose', 'search-indexing', '--resource', crm];
  token = (await corridorCommand([...run, '--', process.execPath, cli, 'token'], env)).out.trim();
}, 60_000);
afterAll(() => world.stop());

const corridor = (args: readonly string[], input?: string): Promise<Finished> =>
  corridorCommand(args, env, input === undefined ? {} : { input });
const entry = z.looseObject({ id: z.string(), type: z.string(), run: z.string().optional() });
const entriesOf = (text: string) =>
  text
    .trim()
    .split('\n')
    .map((line) => entry.parse(JSON.parse(line)));

describe('corridor entries', () => {
  it('prints them as they were recorded, one a line, the oldest first', async () => {
    const { code, out } = await corridor(['entries', '--workflow', 'nightly-index', '--since', '1h', '--json']);
    expect(code).toBe(0);
    for (const line of out.trim().split('\n')) expect(line).toBe(canonicalize(JSON.parse(line)));
    const types = entriesOf(out).map(({ type }) => type);
    expect(types.slice(0, 5)).toEqual(['run.started', 'token.requested', 'token.issued', 'token.released', 'run.ended']);
    const { out: text } = await corridor(['entries', '--type', 'token.released']);
    expect(text).toMatch(/^\S+ {2}token\.released +ent\w+ {2}nightly-index {2}run\w+ {2}crm {2}crm:read {2}\(granted\)\n$/);
    expect(await corridor(['entries', '--workflow', 'nobody'])).toEqual({ code: 0, out: '', err: '' });
  });

  it('says on the other stream that it left older ones out', async () => {
    const { out, err } = await corridor(['entries', '--limit', '2', '--json']);
    expect(entriesOf(out)).toHaveLength(2);
    expect(err).toBe('There are older ones: these are the newest 2. --limit takes more.\n');
  });

  it.each([
    ['--type', 'nope', 'token.released'],
    ['--limit', '1e2', 'whole number'],
    ['--since', 'yesterday', '15m'],
    ['--nope', 'x', 'unknown option'],
  ])('does not take %s %s', async (option, value, told) => {
    expect(await corridor(['entries', option, value])).toMatchObject({ code: 2, out: '', err: expect.stringContaining(told) });
  });

  it('follows: each new entry once, however many come at a time, until it is interrupted', async () => {
    const following = startCommand(['entries', '--follow', '--limit', '1', '--type', 'run.started', '--json'], env);
    await until(() => following.out() !== '');
    const runs = await Promise.all(Array.from({ length: 20 }, () => world.startRun()));
    await until(() => entriesOf(following.out()).length >= 21);
    await new Promise((resolve) => setTimeout(resolve, 1_500)); // another look finds nothing new
    following.child.kill('SIGINT');
    await following.finished;
    expect(following.child.signalCode).toBe('SIGINT');
    const followed = entriesOf(following.out()).slice(1);
    expect(followed.map(({ run }) => run).sort()).toEqual(runs.map(({ id }) => id).sort());
  });

  it('ends quietly when its reader has read enough', async () => {
    const child = spawn(process.execPath, [cli, 'entries', '--follow'], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let err = '';
    child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
    const ended = once(child, 'close');
    await once(child.stdout, 'data');
    child.stdout.destroy();
    await world.startRun(); // there is more to say, and nobody who listens
    expect(await ended).toEqual([0, null]);
    expect(err).toBe('');
  });
});

describe('corridor trace', () => {
  const found = { code: 0, out: expect.stringContaining('granted by policy sha256:'), err: '' };

  it('finds a token by its text, its hash, an id, a log line that holds one of them or says a jti, and a jti that is said to be one', async () => {
    const digest = createHash('sha256').update(token).digest();
    const [released] = entriesOf((await corridor(['entries', '--type', 'token.released', '--json'])).out);
    const fromInput = [
      `${token}\n`,
      digest.toString('hex'),
      digest.toString('base64url'),
      released?.id ?? '',
      `2026-03-03T13:05:00Z GET /customers 200 jti=${decodeJwt(token).jti ?? ''} 12ms`,
      `2026-03-03T13:05:00Z GET /customers 200 sub=corridor-indexer jti: '${decodeJwt(token).jti ?? ''}'`,
      JSON.stringify({ level: 'info', claims: { jti: decodeJwt(token).jti } }),
      JSON.stringify({ message: JSON.stringify({ jti: decodeJwt(token).jti }) }),
      `{"level":"info","token_hash":"${digest.toString('base64url')}","status":200}`,
      `Authorization: Bearer ${token}`,
    ];
    const answers = await Promise.all(fromInput.map((input) => corridor(['trace', '-'], input)));
    expect(answers).toEqual(fromInput.map(() => found));
    expect(answers.map(({ out }) => out).join()).not.toContain(token);
    expect(await corridor(['trace', token])).toEqual(found);
    expect(await corridor(['trace', '--token', token])).toEqual(found);
    expect(await corridor(['trace', '--jti', decodeJwt(token).jti ?? ''])).toEqual(found);
    expect(await corridor(['trace', '-', '--jti'], `${decodeJwt(token).jti ?? ''}\n`)).toEqual(found);
    const { out: json } = await corridor(['trace', released?.run ?? '', '--json']);
    expect(JSON.parse(json)).toMatchObject({ run: { id: released?.run, workflow: 'nightly-index' } });
  }, 90_000);

  it('ends with 2 when there is nothing, or nothing to look for', async () => {
    expect(await corridor(['trace', 'nothing-of-ours', '--json'])).toMatchObject({ code: 2, out: '' });
    expect(await corridor(['trace', '-_begins-with-a-dash'])).toEqual({
      code: 2,
      out: '',
      err: 'The record holds nothing of this. A jti is looked for only where it is said to be one: jti=… in the text, or corridor trace --jti <jti>.\n',
    });
    expect(await corridor(['trace', '--jti', '-of-nobody'])).toEqual({ code: 2, out: '', err: 'The record holds nothing of this.\n' });
    expect(await corridor(['trace', '--jti', token])).toMatchObject({ code: 2, err: expect.stringContaining('is a token') });
    expect(await corridor(['trace', '--jti', '--token', 'x'])).toMatchObject({
      code: 2,
      err: expect.stringContaining('cannot be used with'),
    });
    expect(await corridor(['trace', '-'], '\0 of-some-binary-file\0 \0\n')).toMatchObject({ code: 2, out: '' });
    expect(await corridor(['trace', '-'], ' \n')).toMatchObject({ code: 2, err: expect.stringContaining('nothing to look for') });
  });

  describe('sends the hash of a token, and never the token', () => {
    const hash = (text: string) => createHash('sha256').update(text).digest('hex');
    const opaque = '2YotnFZFEjr1zCsicMWpAA-of-another-server';
    const hex = hash('32 bytes of chance');
    const short = Buffer.from(hex, 'hex').toString('base64url');
    const sentWith = async (input: string, ...options: readonly string[]): Promise<string> => {
      const sent: string[] = [];
      const listener = createServer((request, response) => {
        sent.push(`${request.url ?? ''} ${JSON.stringify(request.headers)}`);
        request.on('data', (chunk: Buffer) => sent.push(chunk.toString()));
        request.on('end', () => response.writeHead(404).end('{"code":"nothing_found"}'));
      });
      await once(listener.listen(0, '127.0.0.1'), 'listening');
      const { port } = z.object({ port: z.number() }).parse(listener.address());
      const surroundings = { CORRIDOR_URL: `http://127.0.0.1:${port}`, CORRIDOR_KEY: 'k' };
      const traced = await corridorCommand(['trace', '-', ...options], surroundings, { input });
      listener.close();
      expect(traced.code).toBe(2);
      return sent.join('\n');
    };

    it('that is a JWT', async () => {
      const sent = await sentWith(token);
      expect(sent).toContain(hash(token));
      for (const part of [token, ...token.split('.')]) expect(sent).not.toContain(part);
    });

    it.each([
      ['that is opaque', opaque, opaque],
      ['in a log line, nor any other word of it', `2026-03-03T13:05:00Z correlation-of-this-request token=${opaque} 403`, opaque],
      ['in a line of JSON', JSON.stringify({ level: 'warn', access_token: opaque, note: 'correlation-of-this-request' }), opaque],
      ['that ends like a hash', `prefix-${hex}`, `prefix-${hex}`],
      ['that looks like a hash, in a header', `authorization: Bearer ${hex}`, hex],
      ['that looks like a short hash, in a header', JSON.stringify({ authorization: `DPoP ${short}` }), short],
    ])('%s', async (_what, input, text) => {
      const sent = await sentWith(input);
      expect(sent).toContain(hash(text));
      for (const clear of [opaque, hex, 'correlation-of-this-request']) expect(sent).not.toContain(clear);
    });

    it.each([hex, short, `token=${hex} 403`])('that looks like a hash, when it is said to be a token (%#)', async (input) => {
      const sent = await sentWith(input, '--token');
      expect(sent).toContain(hash(input.includes(hex) ? hex : short));
      expect(sent).not.toContain(hex);
      expect(sent).not.toContain(short);
    });
  });
});
