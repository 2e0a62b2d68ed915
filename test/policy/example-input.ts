import type { PolicyInput } from '../../src/policy/input.js';

/** The agent of an untouched request asks for crm:read, in a run that began a moment ago. */
export const exampleInput: PolicyInput = {
  version: 1,
  now: { unix: 1772543100, weekday: 'tue', date: '2026-03-03', hour: 14, minute: 5, zone: 'Europe/Berlin' },
  run: {
    id: 'run01k9x',
    agent: { name: 'indexer', version: '1.4.0', model: 'none' },
    operator: 'ada@example.com',
    purpose: 'search-indexing',
    runtime: 'ci',
    started_at: 1772543100,
    expires_at: 1772544000,
    ancestors: [],
  },
  workflow: {
    id: 'nightly-index',
    owner: 'search-team@example.com',
    purposes: ['search-indexing'],
    labels: { environment: 'production' },
  },
  request: { resource: 'https://crm.example/api', scopes: ['crm:read'] },
  resource: { id: 'crm', uri: 'https://crm.example/api', authorization_server: 'demo', scopes: ['crm:read', 'crm:write'], labels: {} },
  client: { id: 'indexer', owner: 'search-team@example.com', method: 'private_key_jwt', credential_age_days: 1 },
};

export function inputWith({
  scopes,
  details,
  run,
  agent,
}: {
  scopes?: readonly string[];
  details?: PolicyInput['request']['authorization_details'];
  run?: string;
  agent?: string;
}): PolicyInput {
  return {
    ...exampleInput,
    run: {
      ...exampleInput.run,
      id: run ?? exampleInput.run.id,
      agent: { ...exampleInput.run.agent, name: agent ?? exampleInput.run.agent.name },
    },
    request: {
      ...exampleInput.request,
      scopes: scopes ?? exampleInput.request.scopes,
      ...(details === undefined ? {} : { authorization_details: details }),
    },
  };
}
