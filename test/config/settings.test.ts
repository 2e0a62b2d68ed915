import { chmod, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { readSettings } from '../../src/config/settings.js';
import { SettingsInvalid } from '../../src/config/settings-invalid.js';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(path.join(os.tmpdir(), 'corridor-settings-'));
});
afterEach(() => rm(directory, { recursive: true }));

const read = (environment: Readonly<Record<string, string>>) => readSettings(environment, directory);

/** What the start is refused with. It never says what a secret could be part of. */
function refusal(environment: Readonly<Record<string, string>>): string {
  try {
    read(environment);
  } catch (error) {
    if (!(error instanceof SettingsInvalid)) throw error;
    expect(error.message).not.toContain('c4n4ry');
    return error.message;
  }
  throw new Error('it was not refused');
}

async function secretFile(text: string, mode = 0o600): Promise<string> {
  const file = path.join(directory, 'c4n4ry');
  await writeFile(file, text);
  await chmod(file, mode);
  return file;
}

/** Of what is read otherwhere: edge-settings.test.ts, and below. */
const unsaid = {
  redisUrl: null,
  role: 'all',
  tls: null,
  trustedProxies: [],
  forwardingHeader: 'x-forwarded-for',
  databaseWait: 60,
  drain: 0,
  metrics: null,
  otlpEndpoint: null,
  otlpHeaders: {},
};

describe('the settings', () => {
  it('have a default for everything', () => {
    expect(read({})).toEqual({
      host: '127.0.0.1',
      port: 8420,
      publicUrl: 'http://127.0.0.1:8420',
      dataDirectory: path.join(directory, '.corridor'),
      configFile: path.join(directory, 'corridor.yaml'),
      configFileNamed: false,
      policyDirectory: path.join(directory, 'policies'),
      secretDirectory: null,
      databaseUrl: null,
      inputRetention: 90 * 86_400,
      authorizationEndpoint: true,
      ...unsaid,
      warnings: [],
    });
  });

  it('are what the environment says, where an empty variable says nothing', () => {
    const environment = {
      CORRIDOR_HOST: '0.0.0.0',
      CORRIDOR_PORT: '80',
      CORRIDOR_PUBLIC_URL: 'https://corridor.example/eu/',
      CORRIDOR_DATA_DIR: '/var/lib/corridor',
      CORRIDOR_CONFIG: 'here.yaml',
      CORRIDOR_POLICIES: '',
      CORRIDOR_SECRET_DIR: '../secrets',
      CORRIDOR_DATABASE_URL: 'postgres://corridor@127.0.0.1/corridor',
      CORRIDOR_INPUT_RETENTION: '7d',
      CORRIDOR_AUTHORIZATION_ENDPOINT: 'off',
      CORRIDOR_CLIENT_CRM: 's3cret',
      CORRIDOR_TEST_X: 'x',
      PATH: 'x',
    };
    expect(read(environment)).toEqual({
      host: '0.0.0.0',
      port: 80,
      publicUrl: 'https://corridor.example/eu',
      dataDirectory: '/var/lib/corridor',
      configFile: path.join(directory, 'here.yaml'),
      configFileNamed: true,
      policyDirectory: path.join(directory, 'policies'),
      secretDirectory: path.resolve(directory, '../secrets'),
      databaseUrl: 'postgres://corridor@127.0.0.1/corridor',
      inputRetention: 7 * 86_400,
      authorizationEndpoint: false,
      ...unsaid,
      warnings: [],
    });
  });

  it.each([
    [{ CORRIDOR_PORT: '65536' }, 'CORRIDOR_PORT must be a number from 0 to 65535.'],
    [{ CORRIDOR_AUTHORIZATION_ENDPOINT: 'yes' }, 'CORRIDOR_AUTHORIZATION_ENDPOINT must be on or off.'],
    [{ CORRIDOR_INPUT_RETENTION: '0d' }, 'CORRIDOR_INPUT_RETENTION must be a number of days, such as 90d.'],
    [{ CORRIDOR_DATABASE_URL: 'mysql://c4n4ry@db/x' }, 'CORRIDOR_DATABASE_URL must be a URL that begins with postgresql://.'],
    [
      { CORRIDOR_HOST: '0.0.0.0' },
      'CORRIDOR_HOST is 0.0.0.0, which others can reach: set CORRIDOR_PUBLIC_URL to the https URL that they use.',
    ],
    [
      { CORRIDOR_PUBLIC_URL: 'https://me:c4n4ry@corridor.example' },
      'CORRIDOR_PUBLIC_URL must be an http or https URL without a query, a fragment or credentials.',
    ],
    [
      { CORRIDOR_PUBLIC_URL: 'http://corridor.example' },
      'CORRIDOR_PUBLIC_URL must be https, except where both it and CORRIDOR_HOST are loopback.',
    ],
  ])('refuse %j', (environment, message) => {
    expect(refusal(environment)).toBe(message);
  });

  it.each(['c4n4ry', '=c4n4ry', 'authorization', 'a=c4n4ry,', 'a=%e2%82%ac', 'a=b%0ac4n4ry'])('refuse %j as header fields', (headers) => {
    expect(refusal({ CORRIDOR_OTLP_HEADERS: headers })).toBe(
      'What CORRIDOR_OTLP_HEADERS holds are no header fields: name=value, with a comma between two.',
    );
  });

  it('tell everything that is wrong at once', () => {
    const told = refusal({ CORRIDOR_PROT: 'c4n4ry', CORRIDOR_PORT: 'c4n4ry', CORRIDOR_INPUT_RETENTION: 'c4n4ry' }).split('\n');
    expect(told).toEqual([
      expect.stringMatching(/^CORRIDOR_PROT is no variable of Corridor: correct or unset it\. It knows .*CORRIDOR_DATABASE_URL_FILE/),
      'CORRIDOR_PORT must be a number from 0 to 65535.',
      'CORRIDOR_INPUT_RETENTION must be a number of days, such as 90d.',
    ]);
  });

  it('are none of the command line’s business, and the other way round', () => {
    expect(read({ CORRIDOR_URL: 'nonsense', CORRIDOR_KEY_FILE: '/nowhere' })).toMatchObject({ port: 8420 });
  });
});

describe('a secret in a file', () => {
  const url = 'postgresql://corridor:c4n4ry@127.0.0.1/corridor';

  it('is read without the line end that editors add, through links, relative to the directory', async () => {
    await secretFile(`${url}\n`);
    await symlink('c4n4ry', path.join(directory, 'link'));
    expect(read({ CORRIDOR_DATABASE_URL_FILE: 'link', CORRIDOR_DATABASE_URL: '' })).toMatchObject({ databaseUrl: url, warnings: [] });
  });

  it('is for secrets alone', () => {
    expect(refusal({ CORRIDOR_PORT_FILE: 'x' })).toMatch(/^CORRIDOR_PORT_FILE is no variable of Corridor/);
  });

  it('cannot be set beside the variable, of Corridor or of a client', async () => {
    const file = await secretFile(url);
    const environment = {
      CORRIDOR_DATABASE_URL: url,
      CORRIDOR_DATABASE_URL_FILE: file,
      CORRIDOR_CLIENT_CRM: 'c4n4ry',
      CORRIDOR_CLIENT_CRM_FILE: file,
    };
    expect(refusal(environment)).toBe(
      'CORRIDOR_DATABASE_URL and CORRIDOR_DATABASE_URL_FILE are both set: unset one of them.\n' +
        'CORRIDOR_CLIENT_CRM and CORRIDOR_CLIENT_CRM_FILE are both set: unset one of them.',
    );
  });

  it.each([
    ['not there', null, 'cannot be read (ENOENT): make sure that it is there and that Corridor’s user may read it.'],
    ['empty', '\n', 'is empty: put the secret into it.'],
    ['no text', Buffer.from([0x63, 0xff, 0xfe]), expect.stringContaining('is no UTF-8 text')],
    ['too long', 'c4n4ry'.repeat(20_000), 'is longer than 64 KiB: no secret is.'],
  ])('stops the start where it is %s, and is not named', async (_, content, message) => {
    if (content !== null) await writeFile(path.join(directory, 'c4n4ry'), content);
    const told = refusal({ CORRIDOR_DATABASE_URL_FILE: path.join(directory, 'c4n4ry') });
    const [, said] = /^The file that CORRIDOR_DATABASE_URL_FILE names (.*)$/.exec(told) ?? [];
    expect(said?.replace("'", '’')).toEqual(message);
    expect(refusal({ CORRIDOR_DATABASE_URL_FILE: directory })).toContain('is no regular file');
  });

  it('that everybody may read is a warning; that of a client may be mended later', async () => {
    const file = await secretFile(url, 0o644);
    const { warnings } = read({
      CORRIDOR_DATABASE_URL_FILE: file,
      CORRIDOR_CLIENT_CRM_FILE: file,
      CORRIDOR_CLIENT_ERP_FILE: path.join(directory, 'none'),
    });
    expect(warnings).toEqual([
      expect.stringMatching(/^The file that CORRIDOR_CLIENT_ERP_FILE names cannot be read \(ENOENT\)/),
      'The file that CORRIDOR_DATABASE_URL_FILE names can be read by everybody on this machine (mode 644): run chmod o-r on it.',
      'The file that CORRIDOR_CLIENT_CRM_FILE names can be read by everybody on this machine (mode 644): run chmod o-r on it.',
    ]);
  });
});
