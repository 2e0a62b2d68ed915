import type { EntryMembers } from '../attribution/entry.js';
import type { Agent, Attested } from './run.js';

/** What an entry says of a run. */
export interface Who {
  readonly id: string;
  readonly ancestors: readonly string[];
  readonly runtime: string;
  readonly workflow: string;
  readonly purpose: string;
  readonly operator: { readonly commitment: string } | null;
  readonly agent: Agent;
  readonly attested?: Attested;
}

/**
 * The allow-list of who acted (EXAMPLES "An entry"): the run, whose it is and for what. What the runtime merely said is
 * listed in `asserted`, and what its issuer signed in `attested`; a person stands there as a commitment only.
 */
export function whoMembers(who: Who, owner: string | null): EntryMembers {
  const said = who.operator === null ? ['agent'] : ['agent', 'operator'];
  return {
    run: who.id,
    ancestors: who.ancestors,
    runtime: who.runtime,
    workflow: who.workflow,
    ...(owner === null ? {} : { owner }),
    ...(who.operator === null ? {} : { operator: { commitment: who.operator.commitment } }),
    purpose: who.purpose,
    agent: { name: who.agent.name, version: who.agent.version, model: who.agent.model },
    ...(who.attested === undefined ? { asserted: said } : { asserted: [], attested: [...said, 'purpose', 'workflow'] }),
  };
}
