import { X509Certificate } from 'node:crypto';
import { catalogueOf, example } from '../catalogue/example.js';
import type { Rotation } from '../../src/credentials/rotation.js';
import { createAuthority } from '../rig/certificates.js';
import type { CredentialVersion } from '../../src/credentials/sealed-credential.js';
import type { Finding } from '../../src/posture/finding.js';
import { alarmsAmong } from '../../src/posture/alarms.js';
import { findings } from '../../src/posture/findings.js';

const DAY = 86_400_000;
const made = Date.UTC(2026, 2, 3);

const version: CredentialVersion = {
  id: 'cre01',
  client: 'indexer',
  method: 'private_key_jwt',
  issuer: 'http://127.0.0.1:9400',
  tokenEndpointOrigin: null,
  key: null,
  keyedDigest: null,
  state: 'current',
  createdAt: made,
};

const second = `  second: { client_id: second, authorization_server: demo, owner: search-team@example.com, workflows: [nightly-index], resources: [billing], method: client_secret_basic, credential: env:CORRIDOR_CLIENT_SECOND, rotate_every: 90d, max_token_life: 1h }\nruntimes:`;

function found(edits: [string, string][] = [], versions: readonly CredentialVersion[] = [version], now = made + DAY): Finding[] {
  return findings(catalogueOf(edits.reduce((text, [from, to]) => text.replace(from, to), example)), versions, now);
}

/** Those of one subject, without the ones that every example has. */
function about(subject: string, ...rest: Parameters<typeof found>): string[] {
  return found(...rest)
    .filter((finding) => finding.subject === subject && finding.code !== 'audience_not_required')
    .map(({ severity, code }) => `${severity} ${code}`);
}

describe('posture', () => {
  it('finds little in the example', () => {
    expect(found()).toEqual([
      {
        code: 'audience_not_required',
        severity: 'info',
        subject: 'resource billing',
        message:
          'a token whose audience cannot be learned is accepted, and recorded as unverified: set verify_audience where its tokens are JWTs',
      },
      expect.objectContaining({ code: 'audience_not_required', subject: 'resource crm' }),
    ]);
    expect(found([['[billing:read]', '[billing:read], verify_audience: true']])).toHaveLength(1);
  });

  it('warns of a certificate that ends within a month', () => {
    const { cert } = createAuthority('authority').certify('corridor.example', new Date(made + 60 * DAY));
    const publicKey = { x5c: [new X509Certificate(cert).raw.toString('base64')] };
    const certified = { ...version, key: { kid: 'kid', algorithm: 'ES256', publicKey } };
    const after = (days: number) => about('client indexer', [], [certified], made + days * DAY);
    expect(after(29)).toEqual([]);
    expect(after(31)).toEqual(['warning certificate_expires']);
    expect(after(61)).toEqual(['warning certificate_expires']);
  });

  it('warns of a rotation that is overdue, and tells when one is due', () => {
    const after = (days: number) => about('client indexer', [], [version], made + days * DAY);
    expect(after(82)).toEqual([]);
    expect(after(83)).toEqual(['info rotation_due_soon']);
    expect(after(90)).toEqual(['info rotation_due_soon']);
    expect(after(90.1)).toEqual(['warning rotation_overdue']);
    expect(found([], [version], made + 91 * DAY)[0]).toEqual({
      code: 'rotation_overdue',
      severity: 'warning',
      subject: 'client indexer',
      message:
        'its credential is of 2026-03-03 and is to be replaced every 90d: overdue since 2026-06-01; see why, and whether it waits for you, with "corridor client show indexer"',
    });
  });

  it.each([
    ['registering', null, 0, ['info rotation_waiting']],
    ['registering', null, 2, ['warning rotation_waiting']],
    ['proving', 'client_refused', 0, []],
    ['proving', 'client_refused', 2, ['warning rotation_unproven']],
    ['overlap', null, 2, []],
    ['failed', 'client_refused', 2, ['warning rotation_failed']],
    ['cancelled', null, 2, []],
  ] as const)('tells of a rotation that is %s (%s, after %i hours) what is to be done', (state, fault, hours, expected) => {
    const now = made + DAY;
    const begunAt = now - hours * 3_600_000;
    const rotation: Rotation = {
      id: 'rot01',
      client: 'indexer',
      credential: 'cre02',
      replaces: 'cre01',
      state,
      begunBy: 'ada',
      begunAt,
      dueAt: null,
      deadline: null,
      attempts: 3,
      lastAttemptAt: null,
      fault,
      endedAt: null,
    };
    const of = (client: string) => findings(catalogueOf(example), [version], now, { rotations: [{ ...rotation, client }] });
    const told = of('indexer').filter(({ code }) => code.startsWith('rotation_'));
    expect(told.map(({ severity, code }) => `${severity} ${code}`)).toEqual(expected);
    expect(told.every(({ message }) => state === 'proving' || message.includes('corridor client rotate indexer'))).toBe(true);
    // what an operator began a moment ago is no alarm
    expect(alarmsAmong(told).map(({ code }) => code)).toEqual(
      told.filter(({ severity }) => severity === 'warning').map(({ code }) => code),
    );
    expect(of('gone').filter(({ code }) => code.startsWith('rotation_'))).toEqual([]);
  });

  it('warns of work that was given up, and tells how long its tokens live', () => {
    const of = { client: 'indexer', workflow: null, lastError: 'server_unavailable' };
    const givenUp = [
      { kind: 'revoke', ...of, count: 3, livesUntil: made },
      { kind: 'end_run', client: null, workflow: 'nightly-index', count: 1, lastError: null, livesUntil: null },
    ] as const;
    const told = findings(catalogueOf(example), [version], made + DAY, { givenUp }).filter(({ code }) => code === 'work_given_up');
    expect(told).toMatchObject([
      {
        severity: 'warning',
        subject: 'client indexer',
        message: expect.stringMatching(
          /^the revocation of a token was given up 3 times \(server_unavailable\), and a token lives until 2026-03-03T/,
        ) as string,
      },
      {
        severity: 'warning',
        subject: 'workflow nightly-index',
        message: expect.stringMatching(/^the end of a run was given up: see/) as string,
      },
    ]);
  });

  it('goes by the newest version in use, and warns when there is none', () => {
    const newer = { ...version, id: 'cre02', createdAt: made + 89 * DAY };
    expect(about('client indexer', [], [version, newer], made + 100 * DAY)).toEqual([]);
    expect(about('client indexer', [], [version, { ...newer, state: 'next' }], made + 100 * DAY)).toEqual(['warning rotation_overdue']);
    expect(about('client indexer', [], [])).toEqual(['warning credential_missing']);
  });

  it('warns of a client that serves workflows of different owners', () => {
    const workflow = '  reports: { owner: finance@example.com, purposes: [search-indexing], max_run_ttl: 1h }\nclients:';
    const edits: [string, string][] = [
      ['clients:', workflow],
      ['    workflows: [nightly-index]', '    workflows: [nightly-index, reports]'],
    ];
    expect(about('client indexer', edits)).toEqual(['warning client_shared_by_owners']);
    expect(found(edits)[0]?.message).toContain('finance@example.com and search-team@example.com');
    expect(
      about(
        'client indexer',
        edits.map(([from, to]) => [from, to.replace('finance@', 'search-team@')]),
      ),
    ).toEqual([]);
  });

  it('warns of a secret where the server takes keys, and mentions one elsewhere', () => {
    const versions = [version, { ...version, client: 'second' }];
    expect(about('client second', [['runtimes:', second]], versions)).toEqual(['warning secret_where_key_possible']);
    const alone: [string, string] = [
      'private_key_jwt\n    credential: generate',
      'client_secret_basic\n    credential: env:CORRIDOR_CLIENT_A',
    ];
    expect(about('client indexer', [alone])).toEqual(['info secret_in_use']);
  });

  it('warns of one secret for two clients, and of one registration declared twice', () => {
    const versions = [
      { ...version, keyedDigest: 'same' },
      { ...version, client: 'second', keyedDigest: 'same' },
    ];
    expect(about('client indexer', [['runtimes:', second]], versions)).toEqual(['warning credential_shared']);
    expect(about('client indexer', [['runtimes:', second.replace('client_id: second', 'client_id: corridor-indexer')]])).toEqual([
      'warning registration_shared',
    ]);
  });

  it('warns of long lives of tokens and runs', () => {
    expect(about('client indexer', [['max_token_life: 1h', 'max_token_life: 2d']])).toEqual([
      'warning token_life_long',
      'info token_outlives_limit',
    ]);
    expect(about('client indexer', [['max_token_life: 1h', 'max_token_life: 2h']])).toEqual(['info token_outlives_limit']);
    expect(about('workflow nightly-index', [['max_run_ttl: 1h', 'max_run_ttl: 24h']])).toEqual([]);
    expect(about('workflow nightly-index', [['max_run_ttl: 1h', 'max_run_ttl: 25h']])).toEqual(['warning run_life_long']);
  });

  it('warns when no scope asked means every scope', () => {
    expect(about('resource crm', [['default_scopes: [crm:read]', 'default_scopes: [crm:write, crm:read]']])).toEqual([
      'warning default_scopes_broad',
    ]);
    expect(about('resource billing', [['[billing:read]', '[billing:read], default_scopes: [billing:read]']])).toEqual([]);
  });

  it('warns of plain http beyond this machine', () => {
    expect(about('authorization server demo')).toEqual([]);
    const edits: [string, string][] = [
      ['"http://127.0.0.1:9400"', '"http://idp.internal"'],
      ['[127.0.0.1]', '[idp.internal]'],
    ];
    expect(about('authorization server demo', edits)).toEqual(['warning plain_http']);
  });

  it('tells of workflows whose runs cannot get a token', () => {
    const edits: [string, string][] = [['purposes: [search-indexing]', 'purposes: [inbox-triage]']];
    expect(about('workflow nightly-index', edits)).toEqual(['warning workflow_needs_user']);
    const lonely = '  lonely: { owner: me, purposes: [search-indexing], max_run_ttl: 1h }\nclients:';
    expect(about('workflow lonely', [['clients:', lonely]])).toEqual(['info workflow_without_client']);
  });

  it('warns of what was seen of the world: metadata that moved, and a client whose last check failed', () => {
    const observed = {
      drifted: [{ authorizationServer: 'demo', fields: ['token_endpoint', 'jwks_uri'] }],
      failedChecks: [
        { client: 'indexer', time: '2026-03-03T13:05:00.000Z', problems: ['client_refused'] },
        { client: 'gone', time: '2026-03-03T13:05:00.000Z', problems: ['client_refused'] },
      ],
    };
    const seen = findings(catalogueOf(example), [version], made, observed).filter(({ severity }) => severity === 'warning');
    expect(seen).toEqual([
      {
        code: 'metadata_drift',
        severity: 'warning',
        subject: 'authorization server demo',
        message:
          'it publishes another token_endpoint, jwks_uri than is in use: see corridor upstream show demo, then approve it or have it put right',
      },
      {
        code: 'client_check_failed',
        severity: 'warning',
        subject: 'client indexer',
        message:
          'its last check, at 2026-03-03T13:05:00.000Z, found client_refused: mend that and try again with corridor client check indexer',
      },
    ]);
  });

  it('puts warnings first', () => {
    const severities = found([['runtimes:', second]], []).map(({ severity }) => severity);
    expect(severities).toEqual([...severities].sort().reverse());
    expect(new Set(severities).size).toBe(2);
  });
});
