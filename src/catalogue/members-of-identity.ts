import { printDuration } from './duration.js';
import type { ClaimRule, IssuerKeySource, WorkloadIdentity } from './workload-identity.js';

/** Everything that an identity says, so that no change of it goes unseen. */
export function membersOfIdentity(identity: WorkloadIdentity): Record<string, string | readonly string[]> {
  const members: Record<string, string | readonly string[]> = {
    kind: identity.kind,
    issuer: identity.issuer,
    ...membersOfKeys(identity.keys),
    ...(identity.allowHosts.length > 0 && { allow_hosts: identity.allowHosts }),
    algorithms: identity.algorithms,
    max_assertion_life: printDuration(identity.maxAssertionLife),
    assertion_reuse: String(identity.assertionReuse),
    audience_array: String(identity.audienceArray),
  };
  for (const [index, rule] of identity.claims.entries()) {
    for (const [name, value] of Object.entries(membersOfRule(rule))) members[`claims.${index + 1}.${name}`] = value;
  }
  return Object.fromEntries(Object.entries(members).map(([name, value]) => [`identity.${name}`, value]));
}

function membersOfKeys(keys: IssuerKeySource): Record<string, string | readonly string[]> {
  if (keys.kind === 'discovery') return {};
  return keys.kind === 'url' ? { keys: keys.url } : { keys: keys.keys.map((key) => JSON.stringify(key)) };
}

function membersOfRule(rule: ClaimRule): Record<string, string> {
  return {
    ...Object.fromEntries(Object.entries(rule.match).map(([claim, pattern]) => [`match.${claim}`, pattern])),
    workflow: rule.workflow,
    purpose: rule.purpose,
    'agent.name': rule.agent.name,
    'agent.version': rule.agent.version,
    'agent.model': rule.agent.model,
    ...(rule.operator !== null && { operator: rule.operator }),
    run_id: rule.runId,
  };
}
