import type { Catalogue } from '../../src/catalogue/catalogue.js';
import { standardProfile } from '../../src/catalogue/profile.js';
import type { FactChange } from '../../src/issuance/fact-changes.js';
import type { SuspensionKind } from '../../src/suspensions/suspension.js';
import { identifier, sha256 } from './world.js';

export const catalogue: Catalogue = {
  timeZone: 'Europe/Berlin',
  authorizationServers: {
    demo: { id: 'demo', issuer: 'http://127.0.0.1:9400', profile: standardProfile, allowHosts: ['127.0.0.1'] },
  },
  resources: {
    crm: {
      id: 'crm',
      uri: 'https://crm.example/api',
      authorizationServer: 'demo',
      scopes: ['crm:read', 'crm:write'],
      defaultScopes: ['crm:read'],
      maxTokenTtl: 3600,
      verifyAudience: false,
      labels: {},
    },
  },
  purposes: { 'search-indexing': { id: 'search-indexing', description: 'Keep the search index current', needsUser: false } },
  workflows: {
    'nightly-index': {
      id: 'nightly-index',
      owner: 'search-team@example.com',
      purposes: ['search-indexing'],
      maxRunTtl: 3600,
      labels: { environment: 'production' },
    },
  },
  clients: {
    indexer: {
      id: 'indexer',
      clientId: 'corridor-indexer',
      authorizationServer: 'demo',
      owner: 'search-team@example.com',
      workflows: ['nightly-index'],
      resources: ['crm'],
      method: 'private_key_jwt',
      credential: { kind: 'generate' },
      rotateEvery: 7776000,
      maxTokenLife: 3600,
    },
  },
  runtimes: { ci: { id: 'ci', workflows: ['nightly-index'] } },
};

export function catalogueChange(applied: Catalogue = catalogue): FactChange {
  return {
    kind: 'catalogue.changed',
    revision: { id: identifier('cat'), sha256: sha256('source'), catalogue: applied, source: 'version: 1\n', appliedBy: 'key01' },
    credentials: { created: [], retired: [] },
  };
}

export function suspension(kind: SuspensionKind, target: string | null): FactChange {
  return {
    kind: 'suspension.raised',
    suspension: { id: identifier('sus'), kind, target, reason: 'leaked image', raisedBy: 'key01', expiresAt: null },
  };
}

export function newKey(): FactChange {
  const id = identifier('key');
  return {
    kind: 'key.created',
    key: { id, name: `key ${id}`, roles: ['runtime', 'auditor'], runtime: 'ci', resource: null, sha256: sha256(id) },
  };
}
