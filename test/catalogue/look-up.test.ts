import { clientFor, declared, hasClients, onlyResourceOf, resourceByIndicator } from '../../src/catalogue/look-up.js';
import { ResourceIndicator } from '../../src/oauth/resource-indicator.js';
import { catalogueOf, exampleWith } from './example.js';

const more = `  second:
    client_id: second
    authorization_server: demo
    owner: search-team@example.com
    workflows: [reports, idle]
    resources: [crm, billing]
    method: private_key_jwt
    credential: generate
    rotate_every: 90d
    max_token_life: 1h
`;
const workflows = `  reports: { owner: finance@example.com, purposes: [search-indexing], max_run_ttl: 1h }
  idle: { owner: finance@example.com, purposes: [search-indexing], max_run_ttl: 1h }
  lonely: { owner: finance@example.com, purposes: [search-indexing], max_run_ttl: 1h }
`;
const catalogue = catalogueOf(
  exampleWith('runtimes:', `${more}runtimes:`)
    .replace('clients:\n', `${workflows}clients:\n`)
    .replace('https://billing.example/api', 'https://billing.example'),
);

describe('looking things up in a catalogue', () => {
  it('finds a resource by its indicator, byte for byte', () => {
    expect(resourceByIndicator(catalogue, ResourceIndicator.parse('https://crm.example/api'))?.id).toBe('crm');
    expect(resourceByIndicator(catalogue, ResourceIndicator.parse('https://crm.example/api/'))).toBeNull();
    expect(resourceByIndicator(catalogue, ResourceIndicator.parse('https://CRM.example/api'))).toBeNull();
  });

  it('takes an origin with and without a slash for one resource (B53)', () => {
    expect(resourceByIndicator(catalogue, ResourceIndicator.parse('https://billing.example'))?.id).toBe('billing');
    expect(resourceByIndicator(catalogue, ResourceIndicator.parse('https://billing.example/'))?.id).toBe('billing');
  });

  it('finds the one client of a workflow for a resource', () => {
    expect(clientFor(catalogue, 'nightly-index', 'crm')?.id).toBe('indexer');
    expect(clientFor(catalogue, 'reports', 'crm')?.id).toBe('second');
    expect(clientFor(catalogue, 'nightly-index', 'billing')).toBeNull();
    expect(clientFor(catalogue, 'lonely', 'crm')).toBeNull();
    expect(hasClients(catalogue, 'reports')).toBe(true);
    expect(hasClients(catalogue, 'lonely')).toBe(false);
  });

  it('tells the only resource of a workflow, where there is one', () => {
    expect(onlyResourceOf(catalogue, 'nightly-index')?.id).toBe('crm');
    expect(onlyResourceOf(catalogue, 'reports')).toBeNull();
    expect(onlyResourceOf(catalogue, 'lonely')).toBeNull();
  });

  it('finds nothing under the names that every object has', () => {
    for (const name of ['constructor', '__proto__', 'toString', 'hasOwnProperty']) {
      expect(declared(catalogue.workflows, name)).toBeNull();
      expect(clientFor(catalogue, name, name)).toBeNull();
      expect(hasClients(catalogue, name)).toBe(false);
      expect(onlyResourceOf(catalogue, name)).toBeNull();
    }
  });
});
