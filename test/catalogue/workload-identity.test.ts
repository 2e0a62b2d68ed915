import { catalogueOf, example, problemsOf, readProjectFile } from './example.js';
import { planChange } from '../../src/catalogue/plan-change.js';
import { printChanges } from '../../src/catalogue/print-change.js';
import { parseStoredCatalogue } from '../../src/catalogue/stored-catalogue.js';

/** The example, with a runtime whose identity is written line by line, from line 26 on. */
const withIdentity = (...lines: readonly string[]): string =>
  `${example}  platform:\n    workflows: [nightly-index]\n    identity:\n${lines.map((line) => `      ${line}\n`).join('')}`;
const target = 'workflow: nightly-index, purpose: search-indexing';
const github = (rule: string): string => withIdentity('kind: github_actions', 'claims:', `  - { ${rule} }`);
const jwt = (rule: string, ...more: readonly string[]): string =>
  withIdentity('issuer: https://idp.example', ...more, 'claims:', `  - { ${rule} }`);

describe('the identity of a runtime', () => {
  it('needs little to be said where the platform is known', () => {
    const catalogue = catalogueOf(github(`match: { repository: acme/indexer }, ${target}`));
    expect(catalogue.runtimes.platform).toEqual({
      id: 'platform',
      workflows: ['nightly-index'],
      identity: {
        kind: 'github_actions',
        issuer: 'https://token.actions.githubusercontent.com',
        keys: { kind: 'discovery' },
        allowHosts: [],
        algorithms: ['RS256'],
        maxAssertionLife: 900,
        assertionReuse: false,
        audienceArray: false,
        claims: [
          {
            match: { repository: 'acme/indexer' },
            workflow: 'nightly-index',
            purpose: 'search-indexing',
            agent: { name: '{repository}', version: '{sha}', model: 'none' },
            operator: '{actor}',
            runId: '{run_id}-{run_attempt}',
          },
        ],
      },
    });
    expect(parseStoredCatalogue(JSON.parse(JSON.stringify(catalogue)))).toEqual(catalogue);
  });

  it('may say everything otherwise', () => {
    const text = withIdentity(
      'kind: kubernetes',
      'issuer: urn:cluster:one',
      'jwks: { keys: [{ kty: EC, crv: P-256, x: eA, y: eQ, kid: one, x5c: [certificate] }] }',
      'algorithms: [ES384, ES256]',
      'max_assertion_life: 10m',
      'assertion_reuse: false',
      'audience_array: false',
      'claims:',
      `  - match: { /kubernetes.io/namespace: search }`,
      `    ${target.replace(', ', '\n          ')}`,
      '    agent: { model: large }',
      '    operator: cluster one',
      '    run_id: "{jti}"',
    );
    expect(catalogueOf(text).runtimes.platform?.identity).toMatchObject({
      issuer: 'urn:cluster:one',
      keys: { kind: 'inline', keys: [{ kty: 'EC', crv: 'P-256', x: 'eA', y: 'eQ', kid: 'one' }] },
      algorithms: ['ES256', 'ES384'],
      maxAssertionLife: 600,
      assertionReuse: false,
      audienceArray: false,
      claims: [{ match: { '/kubernetes.io/namespace': 'search' }, agent: { model: 'large' }, operator: 'cluster one', runId: '{jti}' }],
    });
  });

  it('is what the documentation says of each platform', () => {
    const blocks = readProjectFile('docs/workload-identity.md').matchAll(/```yaml\nruntimes:\n([^]*?)```/g);
    const kinds = [...blocks].map(([, block]) => {
      const runtimes = Object.values(catalogueOf(example + block).runtimes);
      return runtimes.find(({ id }) => id !== 'ci')?.identity?.kind;
    });
    expect(kinds).toEqual(['github_actions', 'gitlab_ci', 'kubernetes', 'spiffe', 'jwt']);
  });

  it('is shown member by member when it changes', () => {
    const before = catalogueOf(example);
    const after = catalogueOf(github(`match: { repository: acme/indexer }, ${target}`));
    const more = catalogueOf(github(`match: { repository: acme/* }, ${target}`));
    expect(printChanges(planChange(before, after))).toContain('identity.issuer');
    expect(printChanges(planChange(after, more))).toContain('identity.claims.1.match.repository');
    expect(planChange(after, parseStoredCatalogue(JSON.parse(JSON.stringify(after))))).toEqual([]);
  });
});

type Row = readonly [title: string, text: string, problem: string];
const of = 'runtimes.platform.identity';
const rule = `match: { team: search }, ${target}, run_id: "{build}"`;
const spiffe = (...lines: readonly string[]): string =>
  withIdentity('kind: spiffe', ...lines, 'claims:', `  - { match: { sub: spiffe://acme.example/indexer }, ${target} }`);

const rows: readonly Row[] = [
  ['a token for ever', jwt(rule, 'max_assertion_life: 365d'), `30:27: ${of}.max_assertion_life is longer than 1 day: shorten it`],
  ['a token for no time', jwt(rule, 'max_assertion_life: 0s'), `30:27: ${of}.max_assertion_life is zero: write a time, such as 5m`],
  ['an unknown member', jwt(rule, 'audience: me'), `30:7: ${of}.audience is unknown: remove it`],
  ['an unknown member of a rule', jwt(`${rule}, scope: all`), `31:108: ${of}.claims.scope is unknown: remove it`],
  [
    'an unknown kind',
    withIdentity('kind: jenkins', 'claims: []'),
    `29:13: ${of}.kind must be jwt or kubernetes or github_actions or gitlab_ci or spiffe`,
  ],
  ['no rules', withIdentity('kind: github_actions', 'claims: []'), `30:15: ${of}.claims is empty: say what its claims mean`],
  ['no issuer', withIdentity('claims:', `  - { ${rule} }`), `28:5: ${of}.issuer is missing: give the iss of its tokens`],
  [
    'plain http',
    jwt(rule).replace('https://idp', 'http://idp'),
    `29:15: ${of}.issuer must be https; plain http only when allow_hosts of this server names idp.example`,
  ],
  [
    'a loopback address',
    jwt(rule, 'jwks_uri: https://127.0.0.1/keys'),
    `30:17: ${of}.jwks_uri is a loopback or private address: such hosts only when allow_hosts of this server names 127.0.0.1`,
  ],
  [
    'a query in the issuer',
    jwt(rule).replace('idp.example', 'idp.example/?a=b'),
    `29:15: ${of}.issuer must not have a query: remove the ? and what follows it`,
  ],
  [
    'keys twice',
    jwt(rule, 'jwks_uri: https://idp.example/keys', 'jwks: { keys: [{ kty: EC }] }'),
    `31:13: ${of}.jwks stands beside jwks_uri: give one of the two`,
  ],
  [
    'a private key',
    jwt(rule, 'jwks: { keys: [{ kty: EC, d: secret }] }'),
    `30:22: ${of}.jwks.keys holds private members: give the public half only, and replace the key`,
  ],
  ['a symmetric key', jwt(rule, 'jwks: { keys: [{ kty: oct, k: secret }] }'), `30:29: ${of}.jwks.keys.kty must be RSA, EC or OKP`],
  [
    'a symmetric algorithm (B24)',
    jwt(rule, 'algorithms: [HS256]'),
    `30:20: ${of}.algorithms must be an asymmetric JWS algorithm such as RS256 or ES256`,
  ],
  [
    'no algorithm (B24)',
    jwt(rule, 'algorithms: [none]'),
    `30:20: ${of}.algorithms must be an asymmetric JWS algorithm such as RS256 or ES256`,
  ],
  ['a trust domain elsewhere', jwt(rule, 'trust_domain: acme.example'), `30:21: ${of}.trust_domain needs kind: spiffe`],
  [
    'an issuer of SVIDs',
    spiffe('issuer: https://spire.example', 'trust_domain: acme.example', 'bundle_url: https://spire.example'),
    `30:15: ${of}.issuer means nothing with kind spiffe: give trust_domain, and bundle_url or bundle`,
  ],
  [
    'SVIDs of nowhere',
    spiffe('bundle_url: https://spire.example'),
    `28:5: ${of}.trust_domain is missing: name the trust domain of its SVIDs`,
  ],
  [
    'SVIDs without keys',
    spiffe('trust_domain: acme.example'),
    `28:5: ${of}.bundle_url is missing: say where the bundle is, or give it as bundle`,
  ],
  [
    'EdDSA for SVIDs (B107)',
    spiffe('trust_domain: acme.example', 'bundle_url: https://spire.example', 'algorithms: [EdDSA]'),
    `32:19: ${of}.algorithms holds EdDSA, which JWT-SVID does not allow: remove it`,
  ],
  [
    'the SVIDs of another trust domain',
    spiffe('trust_domain: other.example', 'bundle_url: https://spire.example'),
    `33:27: ${of}.claims.match.sub can never match: the sub of an SVID begins with spiffe:// and its trust domain`,
  ],
  [
    'a workflow that is not there',
    jwt(rule.replace('nightly-index', 'nightly')),
    '31:48: there is no workflow nightly: declare it or remove the name',
  ],
  [
    'a workflow that it may not start',
    jwt(rule).replace('platform:\n    workflows: [nightly-index]', 'platform:\n    workflows: []'),
    `31:48: ${of}.claims.workflow is not one of the workflows of this runtime: list it there or name another`,
  ],
  [
    'a purpose that is not there',
    jwt(rule.replace('search-indexing', 'search')),
    '31:72: there is no purpose search: declare it or remove the name',
  ],
  [
    'a purpose of another workflow',
    jwt(rule.replace('search-indexing', 'inbox-triage')),
    '31:72: workflow nightly-index does not declare purpose inbox-triage: add it there or name another',
  ],
  [
    'a rule for everybody',
    jwt(rule.replace('team: search', '')),
    `31:20: ${of}.claims.match is empty, so every token of the issuer would match: name a claim and its value`,
  ],
  ['a value that is no text', jwt(rule.replace('search }', 'true }')), `31:28: ${of}.claims.match.team must be text: put it in quotes`],
  ['an empty pattern', jwt(rule.replace('search }', '"" }')), `31:28: ${of}.claims.match.team is empty: fill it in`],
  [
    'another issuer than its own',
    jwt(rule.replace('team: search', 'iss: https://idp.example/')),
    `31:27: ${of}.claims.match.iss can never match: iss is always the issuer`,
  ],
  [
    'an audience',
    jwt(rule.replace('team: search', 'aud: corridor')),
    `31:27: ${of}.claims.match.aud can never match: aud is always Corridor's own issuer, and is checked in any case: remove it`,
  ],
  [
    'a repository without its owner',
    github(`match: { repository: indexer }, ${target}`),
    `31:34: ${of}.claims.match.repository can never match: a repository is written owner/name`,
  ],
  [
    'a rule that strangers meet',
    github(`match: { ref: refs/heads/main }, ${target}`),
    `31:20: ${of}.claims.match lets strangers in, since everybody has tokens of this issuer: match one of repository, repository_id, repository_owner, repository_owner_id, sub, and not with a * in front`,
  ],
  [
    'a pattern that strangers meet',
    github(`match: { repository: "*/indexer" }, ${target}`),
    `31:20: ${of}.claims.match lets strangers in, since everybody has tokens of this issuer: match one of repository, repository_id, repository_owner, repository_owner_id, sub, and not with a * in front`,
  ],
  [
    'a run without an id',
    jwt(rule.replace(', run_id: "{build}"', '')),
    `31:11: ${of}.claims lacks run_id: say which claims name the run, such as "{run_id}"`,
  ],
  [
    'one run for all time',
    jwt(rule.replace('{build}', 'build')),
    `31:97: ${of}.claims.run_id holds no claim, so that there could be one run and never another: write one such as {run_id}`,
  ],
  [
    'a template over nothing',
    jwt(rule.replace('{build}', '{}')),
    `31:97: ${of}.claims.run_id names no claim between its braces: write {name}, or {/outer/inner} for a nested claim`,
  ],
  [
    'a brace too many',
    jwt(rule.replace('{build}', '{build}}')),
    `31:97: ${of}.claims.run_id has a brace without its partner: write claims as {name}`,
  ],
  [
    'a rule that another hides',
    `${github(`match: { repository: "acme/*" }, ${target}`)}        - { match: { repository: acme/indexer, ref: main }, ${target} }\n`,
    `32:11: ${of}.claims can never hold: whatever matches this rule matches one before it, so put it before that or remove it`,
  ],
  [
    'an issuer that another runtime has',
    `${github(`match: { repository: "acme/*" }, ${target}`)}  again:\n    workflows: [nightly-index]\n    identity: { kind: github_actions, claims: [{ match: { repository: "acme/*" }, ${target} }] }\n`,
    '34:15: runtime platform has this identity already: remove one of the two or correct it',
  ],
];

describe('the identity of a runtime is refused', () => {
  it.each(rows)('with %s', (_title, text, problem) => {
    expect(problemsOf(text)).toContain(problem);
  });

  it('without a word of what might be a secret', () => {
    expect(problemsOf(jwt(rule, 'jwks: { keys: [{ kty: EC, d: hidden-text }] }')).join()).not.toContain('hidden');
  });
});
