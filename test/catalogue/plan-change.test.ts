import { catalogueDigest } from '../../src/catalogue/catalogue-digest.js';
import { emptyCatalogue } from '../../src/catalogue/catalogue.js';
import { planChange } from '../../src/catalogue/plan-change.js';
import { printChanges } from '../../src/catalogue/print-change.js';
import { parseStoredCatalogue } from '../../src/catalogue/stored-catalogue.js';
import { catalogueOf, example, exampleWith } from './example.js';

const before = catalogueOf(example);

describe('the plan of a change', () => {
  it('is empty between files that mean the same', () => {
    const reordered = catalogueOf(
      `# a comment\n${exampleWith('[crm:read, crm:write]', '[crm:write, crm:read]').replace('max_token_life: 1h', 'max_token_life: 60m')}`,
    );
    expect(planChange(before, reordered)).toEqual([]);
    expect(printChanges([])).toBe('Nothing would change.');
    expect(catalogueDigest(reordered)).toBe(catalogueDigest(before));
  });

  it('names every entry that comes, upon an empty catalogue', () => {
    expect(printChanges(planChange(emptyCatalogue, before)).split('\n')).toEqual([
      '~ setting time_zone',
      '    time_zone: UTC -> Europe/Berlin',
      '+ authorization server demo: issuer http://127.0.0.1:9400, profile standard, allow_hosts [127.0.0.1]',
      '+ resource billing: uri https://billing.example/api, authorization_server demo, scopes [billing:read], max_token_ttl 1h',
      '+ resource crm: uri https://crm.example/api, authorization_server demo, scopes [crm:read, crm:write], default_scopes [crm:read], max_token_ttl 1h',
      '+ purpose inbox-triage: description "Act on one person\'s mailbox", needs_user true',
      '+ purpose search-indexing: description "Keep the search index current"',
      '+ workflow nightly-index: owner search-team@example.com, purposes [search-indexing], max_run_ttl 1h, labels.environment production',
      '+ client indexer: client_id corridor-indexer, authorization_server demo, owner search-team@example.com, workflows [nightly-index], resources [crm], method private_key_jwt, credential generate, rotate_every 90d, max_token_life 1h',
      '+ runtime ci: workflows [nightly-index]',
      '8 to add, 1 to change, 0 to remove.',
    ]);
  });

  it('tells what differs, member by member, and what goes', () => {
    const after = catalogueOf(
      exampleWith('resources: [crm]', 'resources: [billing]')
        .replace('rotate_every: 90d', 'rotate_every: 30d')
        .replace('credential: generate', 'credential: env:CORRIDOR_CLIENT_KEY\n    algorithm: RS256')
        .replace('profile: standard', 'profile: { name: standard, assertion_type: none }')
        .replace(', labels: { environment: production }', ', labels: { hours: office }')
        .replace('default_scopes: [crm:read], ', '')
        .replace('needs_user: true', 'needs_user: false')
        .replace('  ci: {', '  nightly: {'),
    );
    expect(printChanges(planChange(before, after)).split('\n')).toEqual([
      '~ authorization server demo',
      '    profile.assertion_type: (none) -> none',
      '~ resource crm',
      '    default_scopes: -crm:read',
      '~ purpose inbox-triage',
      '    needs_user: true -> (none)',
      '~ workflow nightly-index',
      '    labels.hours: (none) -> office',
      '    labels.environment: production -> (none)',
      '~ client indexer',
      '    resources: +billing -crm',
      '    credential: generate -> env:CORRIDOR_CLIENT_KEY',
      '    algorithm: (none) -> RS256',
      '    rotate_every: 90d -> 30d',
      '- runtime ci',
      '+ runtime nightly: workflows [nightly-index]',
      '1 to add, 5 to change, 1 to remove.',
    ]);
    expect(catalogueDigest(after)).not.toBe(catalogueDigest(before));
  });

  it('sees no difference between a catalogue and the same one after it was stored', () => {
    const whole = catalogueOf(
      exampleWith(
        'allow_hosts',
        'token_endpoint: "https://idp.example/token", mtls_token_endpoint: "https://mtls.example/token", revocation_endpoint: "https://idp.example/revoke", allow_hosts',
      )
        .replace('profile: standard', 'profile: { name: standard, tolerated_extra_scopes: [openid] }')
        .replace('credential: generate', 'credential: file:key.pem\n    algorithm: EdDSA'),
    );
    const stored = parseStoredCatalogue(JSON.parse(JSON.stringify(whole)));
    expect(stored).toEqual(whole);
    expect(planChange(whole, stored)).toEqual([]);
    expect(catalogueDigest(stored)).toBe(catalogueDigest(whole));
  });

  it('tells who may lift a suspension, which is anyone unless it is said', () => {
    const strict = catalogueOf(`${example}suspensions: { lifted_by: another_person }\n`);
    expect(strict.suspensionsLiftedBy).toBe('another_person');
    expect(parseStoredCatalogue(JSON.parse(JSON.stringify(strict)))).toEqual(strict);
    expect(printChanges(planChange(before, strict)).split('\n').slice(0, 2)).toEqual([
      '~ setting suspensions.lifted_by',
      '    suspensions.lifted_by: anyone -> another_person',
    ]);
    for (const same of ['suspensions: { lifted_by: anyone }', 'suspensions:'])
      expect(catalogueDigest(catalogueOf(`${example}${same}\n`))).toBe(catalogueDigest(before));
  });
});
