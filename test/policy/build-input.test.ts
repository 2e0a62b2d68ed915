import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { z } from 'zod';
import type { Client, Resource, Workflow } from '../../src/catalogue/catalogue.js';
import { AuthorizationDetails } from '../../src/oauth/authorization-details.js';
import { Scope } from '../../src/oauth/scope.js';
import { buildInputs, type InputParty } from '../../src/policy/build-input.js';
import { LocalTime } from '../../src/policy/local-time.js';
import type { Run } from '../../src/runs/run.js';
import { exampleInput } from './example-input.js';

const schemaFile = join(import.meta.dirname, '../../policies/schemas/input.json');
const schema = z.fromJSONSchema(JSON.parse(readFileSync(schemaFile, 'utf8')) as Parameters<typeof z.fromJSONSchema>[0]);

const at = (text: string): number => Date.parse(text);

const run: Run = {
  id: 'run01k9x',
  runtime: 'ci',
  workflow: 'nightly-index',
  purpose: 'search-indexing',
  operator: { name: 'ada@example.com', commitment: 'sha256:00' },
  agent: { name: 'indexer', version: '1.4.0', model: 'none' },
  ancestors: [],
  credential: { id: 'cre1', method: 'client_secret', secretSha256: '00' },
  startedAt: at('2026-03-03T13:05:00.900Z'),
  expiresAt: at('2026-03-03T13:20:00.900Z'),
  endedAt: null,
};
const workflow: Workflow = {
  id: 'nightly-index',
  owner: 'search-team@example.com',
  purposes: ['search-indexing'],
  maxRunTtl: 3600,
  labels: { environment: 'production' },
};
const client: Client = {
  id: 'indexer',
  clientId: 'corridor-indexer',
  authorizationServer: 'demo',
  owner: 'search-team@example.com',
  workflows: ['nightly-index'],
  resources: ['crm'],
  method: 'private_key_jwt',
  credential: { kind: 'generate' },
  rotateEvery: 7_776_000,
  maxTokenLife: 3600,
};
const resource: Resource = {
  id: 'crm',
  uri: 'https://crm.example/api',
  authorizationServer: 'demo',
  scopes: ['crm:read', 'crm:write'],
  defaultScopes: ['crm:read'],
  maxTokenTtl: 3600,
  verifyAudience: false,
  labels: {},
};
const party: InputParty = { run, workflow, client, credentialCreatedAt: at('2026-03-02T08:00:00Z') };
const request = {
  resource,
  scope: Scope.of(['crm:read']),
  details: AuthorizationDetails.none,
  timeZone: 'Europe/Berlin',
  now: at('2026-03-03T13:05:42.123Z'),
};

describe('the input of a policy', () => {
  it('is what the documentation shows', () => {
    expect(buildInputs([party], request, new LocalTime())).toEqual([exampleInput]);
  });

  it('holds nothing but what the published schema names', () => {
    const [input] = buildInputs([{ ...party, counters: { run: { tokens: 1 }, workflow: { tokens: 7 } } }], request, new LocalTime());
    expect(schema.parse(input)).toEqual(input);
    const signed = { issuer: 'https://ci.example', runId: '7', claims: { repository: 'acme/indexer', attempt: 2, protected: true } };
    const [attested] = buildInputs([{ ...party, run: { ...run, attested: signed } }], request, new LocalTime());
    expect(attested.run.attested).toEqual(signed.claims);
    expect(schema.parse(attested)).toEqual(attested);
    expect(schema.safeParse({ ...input, run: { ...input.run, credential: 'secret' } }).success).toBe(false);
  });

  it('holds the authorization details that are asked for, and only then', () => {
    const elements = [{ type: 'crm_export', actions: ['read'], depth: [{ one: [1] }] }];
    const details = AuthorizationDetails.parse(JSON.stringify(elements));
    const [input] = buildInputs([party], { ...request, scope: Scope.none, details }, new LocalTime());
    expect(input.request).toEqual({ resource: 'https://crm.example/api', scopes: [], authorization_details: elements });
    expect(schema.parse(input)).toEqual(input);
  });

  it('is the same for a whole minute, and another one afterwards', () => {
    const clock = new LocalTime();
    const inputAt = (now: string): string => JSON.stringify(buildInputs([party], { ...request, now: at(now) }, clock));
    expect(inputAt('2026-03-03T13:05:59.999Z')).toBe(inputAt('2026-03-03T13:05:00.000Z'));
    expect(inputAt('2026-03-03T13:06:00.000Z')).not.toBe(inputAt('2026-03-03T13:05:59.999Z'));
  });

  it('has no operator when nobody was named, and never the commitment', () => {
    const [input] = buildInputs([{ ...party, run: { ...run, operator: null } }], request, new LocalTime());
    expect(input.run.operator).toBeNull();
    expect(JSON.stringify(buildInputs([party], request, new LocalTime()))).not.toContain('sha256:');
  });

  it('counts whole days of a credential, and none for one from a clock that is ahead', () => {
    const age = (createdAt: string): number => {
      const [input] = buildInputs([{ ...party, credentialCreatedAt: at(createdAt) }], request, new LocalTime());
      return input.client.credential_age_days;
    };
    expect(age('2026-02-01T13:05:00Z')).toBe(30);
    expect(age('2026-02-01T13:05:01Z')).toBe(29);
    expect(age('2026-03-04T00:00:00Z')).toBe(0);
  });

  it('names the ancestors to the run, and is built for each of them', () => {
    const parent = { ...party, run: { ...run, id: 'run0parent', workflow: 'release' }, workflow: { ...workflow, id: 'release' } };
    const grandparent = { ...party, run: { ...run, id: 'run0grand', purpose: 'planning' } };
    const inputs = buildInputs([party, parent, grandparent], request, new LocalTime());
    expect(inputs.map((input) => [input.run.id, input.workflow.id])).toEqual([
      ['run01k9x', 'nightly-index'],
      ['run0parent', 'release'],
      ['run0grand', 'nightly-index'],
    ]);
    const ancestors = [
      { id: 'run0parent', workflow: 'release', purpose: 'search-indexing' },
      { id: 'run0grand', workflow: 'nightly-index', purpose: 'planning' },
    ];
    expect(inputs.map((input) => input.run.ancestors)).toEqual([ancestors, ancestors.slice(1), []]);
    for (const input of inputs) expect(input.request).toEqual(exampleInput.request);
  });
});

describe('the clock of a policy', () => {
  it.each([
    ['2026-03-29T00:59:00Z', 'Europe/Berlin', { weekday: 'sun', date: '2026-03-29', hour: 1, minute: 59 }],
    ['2026-03-29T01:00:00Z', 'Europe/Berlin', { weekday: 'sun', date: '2026-03-29', hour: 3, minute: 0 }],
    ['2026-10-25T00:30:00Z', 'Europe/Berlin', { weekday: 'sun', date: '2026-10-25', hour: 2, minute: 30 }],
    ['2026-10-25T01:30:00Z', 'Europe/Berlin', { weekday: 'sun', date: '2026-10-25', hour: 2, minute: 30 }],
    ['2026-01-01T00:00:00Z', 'UTC', { weekday: 'thu', date: '2026-01-01', hour: 0, minute: 0 }],
    ['2026-01-01T00:00:00Z', 'America/New_York', { weekday: 'wed', date: '2025-12-31', hour: 19, minute: 0 }],
    ['2026-01-01T20:40:00Z', 'Asia/Kathmandu', { weekday: 'fri', date: '2026-01-02', hour: 2, minute: 25 }],
    ['2026-01-01T12:00:00Z', 'Pacific/Kiritimati', { weekday: 'fri', date: '2026-01-02', hour: 2, minute: 0 }],
  ])('shows %s in %s', (now, zone, shown) => {
    expect(new LocalTime().at(at(now), zone)).toEqual({ unix: at(now) / 1000, zone, ...shown });
  });

  it('refuses a zone that nobody knows', () => {
    expect(() => new LocalTime().at(0, 'Europe/Atlantis')).toThrow(RangeError);
  });

  it('shows in UTC what the calendar says, at any time', () => {
    const clock = new LocalTime();
    fc.assert(
      fc.property(fc.integer({ min: at('2020-01-01'), max: at('2100-01-01') }), (now) => {
        const date = new Date(now);
        const { weekday, ...shown } = clock.at(now, 'UTC');
        expect(shown).toEqual({
          unix: Math.floor(now / 60_000) * 60,
          date: date.toISOString().slice(0, 10),
          hour: date.getUTCHours(),
          minute: date.getUTCMinutes(),
          zone: 'UTC',
        });
        expect(weekday).toBe(['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'][date.getUTCDay()]);
      }),
    );
  });
});
