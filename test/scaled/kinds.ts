import type { Subject } from './history.js';
import { authorizationServer } from './scaled-catalogue.js';

/** One kind of closure: what of a subject it is held against, and with which errors it turns requests away. */
export interface Kind {
  readonly targets: (subject: Subject) => readonly string[];
  readonly errors: readonly string[];
}

/** What can be suspended (DESIGN §2). A new kind is a line here, and whatever `Subject` lacks for it. */
const suspensions: Readonly<Record<string, Kind['targets']>> = {
  run: ({ runs }) => runs,
  agent: ({ agents }) => agents,
  workflow: ({ workflows }) => workflows,
  // whom they belong to changes: the checkers turn an owner into the workflows that are theirs at the moment
  owner: ({ workflows }) => workflows,
  operator: ({ operators }) => operators,
  purpose: ({ purposes }) => purposes,
  runtime: ({ runtimes }) => runtimes,
  client: ({ clients }) => clients,
  resource: ({ resource }) => (resource === null ? [] : [resource]),
  // everything that wants a token; a run may be started
  authorization_server: ({ resource }) => (resource === null ? [] : [authorizationServer]),
  everything: ({ resource }) => (resource === null ? [] : ['everything']),
};
export const suspensionKinds = Object.keys(suspensions);

export const kinds: Readonly<Record<string, Kind>> = {
  ...Object.fromEntries(Object.entries(suspensions).map(([kind, targets]) => [kind, { targets, errors: ['access_denied'] }])),
  'ended run': { targets: ({ runs }) => runs, errors: ['unauthorized_client'] },
  'withdrawn resource': {
    targets: ({ workflows, resource }) => workflows.map((workflow) => `${workflow} ${resource}`),
    errors: ['invalid_target'],
  },
  'revoked key': { targets: ({ key }) => (key === null ? [] : [key]), errors: ['key_unknown', 'too_many_attempts'] },
};
