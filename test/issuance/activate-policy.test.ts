import { expect, it } from '@jest/globals';
import { ActivatePolicy } from '../../src/issuance/activate-policy.js';
import type { FactsSource } from '../../src/issuance/facts.js';
import type { PreparePolicy } from '../../src/policy/prepare-policy.js';

it('tries an active revision that cannot be evaluated now and then, and not for each request', async () => {
  let tried = 0;
  const prepare = { prepare: async () => (tried++, { ok: false, diagnostics: [] }) } as unknown as PreparePolicy;
  const facts = { latest: async () => ({ policyRevision: 'sha256:a' }) } as unknown as FactsSource;
  const sources = { source: async () => ({ files: {}, data: {}, schemas: {} }) };
  const unused = undefined as never;
  const policy = new ActivatePolicy(prepare, facts, sources, unused, unused, unused);
  for (let time = 0; time < 3; time++) expect(await policy.loadActive()).toBeNull();
  for (let request = 0; request < 3; request++) await policy.ready('sha256:a');
  expect([tried, policy.isUnusable('sha256:a'), policy.isUnusable('sha256:b')]).toEqual([1, true, false]);
});
