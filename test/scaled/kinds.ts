import type { Subject } from './history.js';

/** One kind of closure: what of a subject it is held against, and with which errors it turns requests away. */
export interface Kind {
  readonly targets: (subject: Subject) => readonly string[];
  readonly errors: readonly string[];
  /** Whether it is raised as a suspension, and then: what of a token's subject its exposure is about. */
  readonly suspension?: (subject: Subject) => readonly string[];
}

/** A new kind of suspension is a line here, and whatever `Subject` lacks for it. */
export const kinds: Readonly<Record<string, Kind>> = {
  run: { targets: ({ runs }) => runs, errors: ['access_denied'], suspension: ({ runs }) => runs },
  workflow: { targets: ({ workflows }) => workflows, errors: ['access_denied'], suspension: ({ workflows }) => workflows },
  client: { targets: ({ clients }) => clients, errors: ['access_denied'], suspension: ({ clients }) => clients },
  resource: { targets: resourceOf, errors: ['access_denied'], suspension: resourceOf },
  everything: { targets: everything, errors: ['access_denied'], suspension: everything },
  'ended run': { targets: ({ runs }) => runs, errors: ['unauthorized_client'] },
  'withdrawn resource': {
    targets: ({ workflows, resource }) => workflows.map((workflow) => `${workflow} ${resource}`),
    errors: ['invalid_target'],
  },
  'revoked key': { targets: ({ key }) => (key === null ? [] : [key]), errors: ['key_unknown', 'too_many_attempts'] },
};

/** Everything that wants a token; a run may be started. */
function everything({ resource }: Subject): readonly string[] {
  return resource === null ? [] : ['everything'];
}

function resourceOf({ resource }: Subject): readonly string[] {
  return resource === null ? [] : [resource];
}
