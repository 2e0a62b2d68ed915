import { parseDuration } from './duration.js';
import { identityKinds } from './identity-kinds.js';
import type { IdentityFile } from './identity-shape.js';
import { publicJwkSchema } from './public-jwk.js';
import { hostName } from './server-address.js';
import type { IssuerKeySource, WorkloadIdentity } from './workload-identity.js';

/** Crosses from the words of the file to ours, with the ready mapping of the kind where the file is silent. */
export function identityOfFile(file: IdentityFile): WorkloadIdentity {
  const kind = file.kind ?? 'jwt';
  const ready = identityKinds[kind];
  const issuer = issuerOfFile(file);
  if (issuer === undefined) throw faulty();
  return {
    kind,
    issuer,
    keys: keySourceOf(file),
    allowHosts: (file.allow_hosts ?? []).map(hostName).toSorted(),
    algorithms: (file.algorithms ?? ready.algorithms).toSorted(),
    maxAssertionLife: file.max_assertion_life === undefined ? ready.maxAssertionLife : seconds(file.max_assertion_life),
    assertionReuse: file.assertion_reuse ?? ready.assertionReuse,
    audienceArray: file.audience_array ?? ready.audienceArray,
    claims: file.claims.map((rule) => ({
      match: rule.match,
      workflow: rule.workflow,
      purpose: rule.purpose,
      agent: {
        name: rule.agent?.name ?? ready.agent.name,
        version: rule.agent?.version ?? ready.agent.version,
        model: rule.agent?.model ?? ready.agent.model,
      },
      operator: rule.operator ?? ready.operator,
      runId: rule.run_id ?? ready.runId ?? '',
    })),
  };
}

/** By what assertions are told apart, if the file says it. */
export function issuerOfFile({ kind, issuer, trust_domain: trustDomain }: IdentityFile): string | undefined {
  if (kind === 'spiffe') return trustDomain === undefined ? undefined : `spiffe://${trustDomain}`;
  return issuer ?? identityKinds[kind ?? 'jwt'].issuer ?? undefined;
}

function keySourceOf(file: IdentityFile): IssuerKeySource {
  const keys = (file.jwks ?? file.bundle)?.keys;
  if (keys !== undefined) return { kind: 'inline', keys: keys.map((key) => publicJwkSchema.parse(key)) };
  const url = file.jwks_uri ?? file.bundle_url;
  return url === undefined ? { kind: 'discovery' } : { kind: 'url', url };
}

function seconds(duration: string): number {
  const parsed = parseDuration(duration);
  if (parsed === null) throw faulty();
  return parsed;
}

function faulty(): TypeError {
  return new TypeError('a catalogue file with a fault was taken over');
}
