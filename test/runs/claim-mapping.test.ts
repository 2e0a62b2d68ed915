import fc from 'fast-check';
import { emptyCatalogue, type Catalogue } from '../../src/catalogue/catalogue.js';
import type { ClaimRule, WorkloadIdentity } from '../../src/catalogue/workload-identity.js';
import { isStillTrusted, mapClaims } from '../../src/runs/claim-mapping.js';
import type { Run } from '../../src/runs/run.js';

const rule: ClaimRule = {
  match: { repository: 'acme/*', '/deploy/region': 'eu' },
  workflow: 'nightly-index',
  purpose: 'search-indexing',
  agent: { name: '{repository}', version: '{sha}', model: 'none' },
  operator: 'user {actor}',
  runId: '{run_id}-{run_attempt}',
};
const identity: WorkloadIdentity = {
  kind: 'jwt',
  issuer: 'https://platform.example',
  keys: { kind: 'discovery' },
  allowHosts: [],
  algorithms: ['RS256'],
  maxAssertionLife: 300,
  assertionReuse: false,
  audienceArray: false,
  claims: [rule],
};
const claims = { repository: 'acme/indexer', deploy: { region: 'eu' }, sha: 'f6f9', actor: 'octocat', run_id: '7', run_attempt: 2 };
const mapped = {
  workflow: 'nightly-index',
  purpose: 'search-indexing',
  agent: { name: 'acme/indexer', version: 'f6f9', model: 'none' },
  operator: 'user octocat',
  attested: {
    issuer: 'https://platform.example',
    runId: '7-2',
    claims: { '/deploy/region': 'eu', repository: 'acme/indexer', run_attempt: 2, run_id: '7', sha: 'f6f9' },
  },
};
const unusable = { problem: 'a claim that the mapping names is missing, empty or too long' };
const unmatched = { problem: 'no rule of the runtime matches the claims' };

describe('a mapping of claims', () => {
  it('says what a token is, and keeps the claims that it went by, but not those of the operator alone', () => {
    expect(mapClaims(identity, { ...claims, iat: 1, email: 'octocat@example.com' })).toEqual(mapped);
  });

  it('goes by the first rule that matches', () => {
    const first = { ...rule, match: { ...rule.match, sha: 'other' }, workflow: 'release' };
    const last = { ...rule, workflow: 'release' };
    expect(mapClaims({ ...identity, claims: [first, rule, last] }, claims)).toEqual(mapped);
  });

  it.each([
    ['a claim that is not there', { repository: undefined }],
    ['a list', { repository: ['acme/indexer'] }],
    ['an object', { repository: { name: 'acme/indexer' } }],
    ['null', { repository: null }],
    ['a nested claim that is a list', { deploy: ['eu'] }],
    ['a value that goes on', { deploy: { region: 'eu-west' } }],
  ])('does not match %s', (_title, changed) => {
    expect(mapClaims(identity, { ...claims, ...changed })).toEqual(unmatched);
  });

  it.each([
    ['is missing', { actor: undefined }],
    ['is empty', { run_id: '' }],
    ['is too long', { sha: 'f'.repeat(201) }],
    ['holds a control character', { actor: 'a\nb' }],
    ['holds NUL', { actor: 'a\0b' }],
    ['holds half a character', { sha: 'a\ud800' }],
    ['is no exact number', { run_attempt: 2 ** 53 }],
    ['is a fraction', { run_attempt: 1.5 }],
    ['is an object', { sha: {} }],
  ])('refuses a claim that %s', (_title, changed) => {
    expect(mapClaims(identity, { ...claims, ...changed })).toEqual(unusable);
  });

  it('finds no claim in what every object has', () => {
    for (const name of ['constructor', '__proto__', 'toString', '/deploy/constructor', '/constructor/name']) {
      expect(mapClaims({ ...identity, claims: [{ ...rule, match: { [name]: '*' } }] }, claims)).toEqual(unmatched);
    }
    const own = JSON.parse('{"__proto__":"x"}') as Record<string, unknown>;
    expect(mapClaims({ ...identity, claims: [{ ...rule, match: { ['__proto__']: 'x' } }] }, { ...claims, ...own })).not.toEqual(mapped);
  });

  it('bounds what it keeps', () => {
    const match = Object.fromEntries(Array.from({ length: 9 }, (_, index) => [`long${index}`, '*']));
    const long = Object.fromEntries(Object.keys(match).map((name) => [name, 'x'.repeat(1_000)]));
    expect(mapClaims({ ...identity, claims: [{ ...rule, match }] }, { ...claims, ...long })).toEqual({
      problem: 'the claims that the mapping names are too long',
    });
  });

  it('never throws, and never takes what one claim says for another, whatever the claims are', () => {
    // mostly right, so that many are mapped
    const value = (right: unknown) => fc.oneof({ arbitrary: fc.constant(right), weight: 9 }, fc.string(), fc.jsonValue());
    const strange = fc.record(Object.fromEntries(Object.entries(claims).map(([name, right]) => [name, value(right)])));
    const text = (claim: unknown): string =>
      typeof claim === 'string' || typeof claim === 'number' || typeof claim === 'boolean' ? String(claim) : 'no text';
    fc.assert(
      fc.property(strange, (claimed) => {
        const result = mapClaims(identity, claimed);
        if ('problem' in result) return;
        expect(result.agent.name).toBe(text(claimed['repository']));
        expect(result.attested.runId).toBe(`${text(claimed['run_id'])}-${text(claimed['run_attempt'])}`);
        expect(result.attested.claims['sha']).toBe(claimed['sha']);
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('trust in a run', () => {
  const run: Run = {
    id: 'run01k9x',
    runtime: 'platform',
    workflow: 'nightly-index',
    purpose: 'search-indexing',
    operator: null,
    agent: mapped.agent,
    ancestors: [],
    credential: { id: 'platform', method: 'workload' },
    startedAt: 0,
    expiresAt: 1,
    endedAt: null,
    attested: mapped.attested,
  };
  const catalogue = (changed: Partial<WorkloadIdentity> = {}, workflows = ['nightly-index']): Catalogue => ({
    ...emptyCatalogue,
    runtimes: { platform: { id: 'platform', workflows, identity: { ...identity, ...changed } } },
  });

  it('lasts while the catalogue would give it the same workflow and purpose', () => {
    expect(isStillTrusted(catalogue(), run)).toBe(true);
    expect(isStillTrusted(catalogue({ claims: [{ ...rule, match: { repository: '*' }, operator: null }] }), run)).toBe(true);
  });

  it.each([
    ['the runtime is gone', emptyCatalogue],
    ['the runtime has an API key alone', { ...emptyCatalogue, runtimes: { platform: { id: 'platform', workflows: ['nightly-index'] } } }],
    ['the runtime may not start the workflow', catalogue({}, [])],
    ['it has another issuer', catalogue({ issuer: 'https://other.example' })],
    ['no rule is for it', catalogue({ claims: [{ ...rule, match: { repository: 'acme/other' } }] })],
    ['a rule asks for a claim that was not looked at', catalogue({ claims: [{ ...rule, match: { ...rule.match, environment: 'prod' } }] })],
    ['its rule is for another workflow', catalogue({ claims: [{ ...rule, workflow: 'release' }] })],
    ['its rule is for another purpose', catalogue({ claims: [{ ...rule, purpose: 'planning' }] })],
  ])('ends when %s', (_title, changed) => {
    expect(isStillTrusted(changed, run)).toBe(false);
  });

  it('asks of a run with an API key behind it that its runtime may still start its workflow', () => {
    const started = { ...run, attested: undefined };
    expect(isStillTrusted(catalogue({ issuer: 'https://other.example' }), started)).toBe(true);
    expect(isStillTrusted(catalogue({}, ['release']), started)).toBe(false);
    expect(isStillTrusted(emptyCatalogue, started)).toBe(false);
    expect(isStillTrusted(emptyCatalogue, { ...started, runtime: 'constructor' })).toBe(false);
    expect(isStillTrusted(emptyCatalogue, { ...started, runtime: 'local' })).toBe(true);
  });
});
