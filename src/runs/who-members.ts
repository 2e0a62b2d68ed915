import type { EntryMembers } from '../attribution/entry.js';
import type { Agent } from './run.js';

/** What an entry says of a run. */
export interface Who {
  readonly id: string;
  readonly ancestors: readonly string[];
  readonly runtime: string;
  readonly workflow: string;
  readonly purpose: string;
  readonly operator: { readonly commitment: string } | null;
  readonly agent: Agent;
}

/**
 * The allow-list of who acted (EXAMPLES "An entry"): the run, whose it is and for what. What the runtime merely said is
 * listed in `asserted`; a person stands there as a commitment only.
 */
export function whoMembers(who: Who, owner: string | null): EntryMembers {
  return {
    run: who.id,
    ancestors: who.ancestors,
    runtime: who.runtime,
    workflow: who.workflow,
    ...(owner === null ? {} : { owner }),
    ...(who.operator === null ? {} : { operator: { commitment: who.operator.commitment } }),
    purpose: who.purpose,
    agent: { name: who.agent.name, version: who.agent.version, model: who.agent.model },
    asserted: who.operator === null ? ['agent'] : ['agent', 'operator'],
  };
}
