import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { CommandFailed, printFailure } from '../../src/cli/command-failed.js';
import { buildProgram } from '../../src/cli/program.js';
import { createAuthority } from '../rig/certificates.js';
import { corridorCommand, type Finished } from '../rig/command-line.js';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(path.join(os.tmpdir(), 'corridor-config-'));
});
afterEach(() => rm(directory, { recursive: true }));

/** `corridor config check …`, in this process. Nothing that it says may be a secret. */
async function check(environment: Readonly<Record<string, string>>, ...args: string[]): Promise<Finished> {
  const said = { out: '', err: '' };
  const program = buildProgram({
    environment,
    directory,
    terminal: false,
    out: (text) => void (said.out += `${text}\n`),
    warn: (text) => void (said.err += `${text}\n`),
    readStandardInput: () => Promise.resolve(''),
  });
  let code = 0;
  try {
    await program.parseAsync(['node', 'corridor', 'config', 'check', ...args]);
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error;
    for (const line of printFailure(error)) said.err += `${line}\n`;
    code = error.exitCode;
  }
  expect(said.out + said.err).not.toContain('c4n4ry');
  return { code, ...said };
}

const at = (...parts: string[]): string => path.join(directory, ...parts);

async function policy(rego: string): Promise<void> {
  await mkdir(at('policies'), { recursive: true });
  await writeFile(at('policies', 'token.rego'), rego);
}

/** The files of a certificate and its key. */
async function pair(name: string): Promise<{ readonly cert: string; readonly key: string }> {
  const { cert, key } = createAuthority('an authority').certify('corridor.example');
  const files = { cert: at(`${name}.crt`), key: at(`${name}.key`) };
  await writeFile(files.cert, cert);
  await writeFile(files.key, key, { mode: 0o600 });
  return files;
}

const denyAll = 'package corridor.token\n\ndecision := {"allow": false, "reasons": [{"code": "no_grant"}]}\n';

const catalogue = `version: 1
authorization_servers: { demo: { issuer: "https://as.example" } }
resources: { crm: { uri: "https://crm.example/api", authorization_server: demo, scopes: [crm:read], max_token_ttl: 1h } }
purposes: { indexing: { description: Keep the search index current } }
workflows: { nightly: { owner: me@example.com, purposes: [indexing], max_run_ttl: 1h } }
clients:
  indexer: { client_id: indexer, authorization_server: demo, owner: me@example.com, workflows: [nightly], resources: [crm],
             method: client_secret_basic, credential: "env:CORRIDOR_CLIENT_INDEXER", rotate_every: 90d, max_token_life: 1h }
`;

describe('corridor config check', () => {
  it('reads the certificate and its key, and says where the way to Redis is open', async () => {
    await policy(denyAll);
    await writeFile(at('corridor.yaml'), catalogue);
    const [one, other] = [await pair('one'), await pair('other')];
    const environment = {
      CORRIDOR_CLIENT_INDEXER: 'c4n4ry',
      CORRIDOR_PUBLIC_URL: 'https://corridor.example',
      CORRIDOR_DATABASE_URL: 'postgresql://127.0.0.1/corridor',
      CORRIDOR_REDIS_URL: 'redis://cache.example:6379',
    };
    const crossed = await check({ ...environment, CORRIDOR_TLS_CERT: one.cert, CORRIDOR_TLS_KEY: other.key });
    expect(crossed).toMatchObject({ code: 1, err: expect.stringContaining('is not the one of the first certificate') });
    const fits = await check({ ...environment, CORRIDOR_TLS_CERT: one.cert, CORRIDOR_TLS_KEY: one.key });
    expect(fits.err).not.toContain('certificate');
    expect(fits.out + fits.err).toContain('CORRIDOR_REDIS_URL leads to cache.example without TLS');
  });

  it('says what is set and from where, with secrets masked, and with --all the defaults', async () => {
    await policy(denyAll);
    await writeFile(at('corridor.yaml'), catalogue);
    await writeFile(at('url'), 'postgresql://corridor:c4n4ry@127.0.0.1/corridor?password=c4n4ry&sslmode=require\n', { mode: 0o600 });
    await writeFile(at('secret'), 'c4n4ry', { mode: 0o600 });
    await mkdir(at('.corridor', 'keys'), { recursive: true });
    await writeFile(at('.corridor', 'keys', 'seal.key'), `corridor-key-1 ${'A'.repeat(43)}\n`, { mode: 0o600 });
    const environment = {
      CORRIDOR_PORT: '9000',
      CORRIDOR_DATABASE_URL_FILE: 'url',
      CORRIDOR_URL: 'http://127.0.0.1:9000',
      CORRIDOR_KEY: 'c4n4ry',
      CORRIDOR_CLIENT_INDEXER_FILE: at('secret'),
    };
    const { code, out, err } = await check(environment);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out.split('\n').map((line) => line.split(/ {2,}/))).toEqual([
      ['CORRIDOR_PORT', '9000', 'environment'],
      ['CORRIDOR_DATABASE_URL', 'postgresql://corridor:***@127.0.0.1/corridor?password=***&sslmode=require', `file ${at('url')}`],
      ['CORRIDOR_URL', 'http://127.0.0.1:9000', 'environment'],
      ['CORRIDOR_KEY', '***', 'environment'],
      ['CORRIDOR_CLIENT_INDEXER', '***', `file ${at('secret')}`],
      ['Nothing is wrong with it.'],
      [''],
    ]);
    await rm(at('policies'), { recursive: true }); // to compile it once is enough
    const all = await check(environment, '--all');
    expect(all.out).toMatch(
      /^CORRIDOR_HOST +127\.0\.0\.1 +default\nCORRIDOR_PORT +9000 +environment\nCORRIDOR_PUBLIC_URL +unset +default\n/,
    );
    const json = await check(environment, '--json');
    expect(JSON.parse(json.out)).toEqual({
      ok: true,
      variables: expect.arrayContaining([
        { name: 'CORRIDOR_PORT', value: '9000', from: 'environment' },
        { name: 'CORRIDOR_CLIENT_INDEXER', value: '***', from: 'file', file: at('secret') },
      ]),
      problems: [],
      warnings: [{ message: expect.stringContaining('no policy directory') }],
    });
  });

  it('says everything that is wrong at once, of the settings and of what they name', async () => {
    await policy('package corridor.token\n\ndecision := tru\n');
    await writeFile(at('corridor.yaml'), catalogue);
    await mkdir(at('.corridor', 'keys'), { recursive: true });
    await writeFile(at('.corridor', 'keys', 'seal.key'), 'c4n4ry', { mode: 0o600 });
    const environment = {
      CORRIDOR_PROT: 'c4n4ry',
      CORRIDOR_PUBLIC_URL: 'http://corridor.example',
      CORRIDOR_SECRET_DIR: 'nowhere',
      CORRIDOR_KEY: 'k',
      CORRIDOR_KEY_FILE: 'c4n4ry',
      CORRIDOR_DATABASE_URL_FILE: 'c4n4ry',
      CORRIDOR_CLIENT_OTHER_FILE: 'c4n4ry',
    };
    const { code, err, out } = await check(environment);
    expect(code).toBe(1);
    expect(err.trimEnd().split('\n')).toEqual([
      'warning: No client of the catalogue refers to env:CORRIDOR_CLIENT_OTHER.',
      expect.stringMatching(/^The configuration has \d+ problems:$/),
      'CORRIDOR_PROT is no variable of Corridor: did you mean CORRIDOR_PORT?',
      expect.stringMatching(/^The file that CORRIDOR_DATABASE_URL_FILE names cannot be read \(ENOENT\)/),
      'CORRIDOR_KEY and CORRIDOR_KEY_FILE are both set: unset one of them.',
      'CORRIDOR_PUBLIC_URL must be https, except where both it and CORRIDOR_HOST are loopback.',
      expect.stringMatching(/^The file that CORRIDOR_CLIENT_OTHER_FILE names cannot be read \(ENOENT\)/),
      `CORRIDOR_SECRET_DIR names ${at('nowhere')}, which is not there.`,
      expect.stringMatching(/seal\.key is no key file of Corridor/),
      expect.stringMatching(/^The client indexer of .*corridor\.yaml: the variable CORRIDOR_CLIENT_INDEXER is not set/),
      expect.stringMatching(/^.*policies\/token\.rego:3:\d+: rego_unsafe_var_error/),
    ]);
    expect(out).toMatch(/^CORRIDOR_SECRET_DIR +nowhere +environment\n$/m);
  });

  it('warns of what works and should not stay so, and does not fail for it', async () => {
    await mkdir(at('.corridor', 'db'), { recursive: true });
    await writeFile(at('secret'), 'c4n4ry');
    await chmod(at('secret'), 0o644);
    const { code, err } = await check({
      CORRIDOR_DATABASE_URL: 'postgresql://corridor:c4n4ry@db.example/corridor',
      CORRIDOR_CLIENT_INDEXER_FILE: 'secret',
      CORRIDOR_URL: 'http://127.0.0.1:9000',
    });
    expect(code).toBe(0);
    expect(err.trimEnd().split('\n')).toEqual([
      'warning: The file that CORRIDOR_CLIENT_INDEXER_FILE names can be read by everybody on this machine (mode 644): run chmod o-r on it.',
      `warning: ${at('.corridor')} holds an embedded database, which is not used while CORRIDOR_DATABASE_URL is set.`,
      expect.stringMatching(/^warning: There is no .*seal\.key: a start makes one/),
      'warning: CORRIDOR_DATABASE_URL leads to db.example without TLS: add sslmode=verify-full to it.',
      expect.stringMatching(/^warning: No Corridor found: set CORRIDOR_URL and CORRIDOR_KEY/),
      `warning: There is no policy directory ${at('policies')}: every request is denied until a policy is there.`,
    ]);
  });

  it.each([
    ['CORRIDOR_DATABASE_URL', 'postgresql://me:c4n4ry@127.0.0.1/x?sslmode=require&sslpassword=c4n4ry', true],
    ['CORRIDOR_DATABASE_URL', 'postgresql://me:1/c4n4ry@127.0.0.1/x', false],
    ['CORRIDOR_DATABASE_URL', 'postgresql://me:1?c4n4ry@127.0.0.1/x', false],
    ['CORRIDOR_DATABASE_URL', 'postgresql://me:1#c4n4ry@127.0.0.1/x', false],
    ['CORRIDOR_DATABASE_URL', 'c4n4ry', false],
    ['CORRIDOR_PUBLIC_URL', 'https://me:c4n4ry@corridor.example', true],
    ['CORRIDOR_URL', 'http://me:c4n4ry@127.0.0.1', true],
  ])('shows no password of %s, however it is written: %s', async (name, url, isTold) => {
    const { out } = await check({ [name]: url });
    expect(out).toMatch(isTold ? /\/\/me:\*\*\*@/ : /^CORRIDOR_DATABASE_URL +\*\*\* +environment\n/);
  });

  it.each([
    ['postgresql://db.example/x?sslmode=disable', true],
    ['postgresql://db.example/x?sslmode=verify-full', false],
    ['postgresql://[::1]/x', false],
    ['postgresql:///x?host=/var/run/postgresql', false],
  ])('knows whether %s is spoken to in the clear', async (url, isWarned) => {
    expect((await check({ CORRIDOR_DATABASE_URL: url })).err.includes('without TLS')).toBe(isWarned);
  });

  it('names what is wrong in the catalogue by line and column, and a file that is named and not there', async () => {
    await writeFile(at('corridor.yaml'), 'version: 1\nworkflwos: {}\n');
    expect(await check({})).toMatchObject({ code: 1, err: expect.stringMatching(/corridor\.yaml:2:1: .*workflows/) });
    const json = await check({}, '--json');
    expect(json).toMatchObject({ code: 1, err: '' });
    const problem = { file: at('corridor.yaml'), line: 2, column: 1, message: expect.stringContaining('workflows') };
    expect(JSON.parse(json.out)).toMatchObject({ ok: false, problems: [problem] });
    const named = { CORRIDOR_CONFIG: 'none.yaml', CORRIDOR_POLICIES: 'none' };
    const { code, err } = await check(named);
    expect(code).toBe(1);
    expect(err).toContain(`CORRIDOR_CONFIG names ${at('none.yaml')}, which is not there.\n`);
    expect(err).toContain(`CORRIDOR_POLICIES names ${at('none')}, which is not there.\n`);
    expect((await check({ CORRIDOR_CONFIG: '.', CORRIDOR_SECRET_DIR: 'corridor.yaml' })).err).toMatch(
      /^CORRIDOR_CONFIG names .*, which is no file\.\nCORRIDOR_SECRET_DIR names .*corridor\.yaml, which is no directory\.\n/m,
    );
  });

  it('is a command, and the key of the command line may lie in a file', async () => {
    await writeFile(at('key'), 'half\nc4n4ry', { mode: 0o600 });
    const cwd = { cwd: directory };
    expect(await corridorCommand(['config', 'check'], {}, cwd)).toEqual({
      code: 0,
      out: 'Nothing is set: every variable has its default (--all shows them).\n',
      err: expect.stringMatching(/^warning: There is no policy directory/),
    });
    expect(await corridorCommand(['entries'], { CORRIDOR_URL: 'http://127.0.0.1:9', CORRIDOR_KEY_FILE: 'key' }, cwd)).toMatchObject({
      code: 1,
      err: 'What CORRIDOR_KEY holds is no API key.\n',
    });
    await writeFile(at('key'), 'k\n');
    expect(await corridorCommand(['entries'], { CORRIDOR_URL: 'http://127.0.0.1:9', CORRIDOR_KEY_FILE: 'key' }, cwd)).toMatchObject({
      code: 1,
      err: expect.stringMatching(/^Corridor cannot be reached/),
    });
  });
});
