import { checkClaimRules } from './check-claim-rules.js';
import type { RuntimeFile } from './file-shape.js';
import { identityKinds } from './identity-kinds.js';
import type { IdentityFile } from './identity-shape.js';
import type { Path, Report } from './problem.js';
import { hasPrivateMembers, publicJwkSchema } from './public-jwk.js';
import type { Entry } from './read-entries.js';
import { addressProblem } from './server-address.js';

type Wrong = (member: string, message: string) => void;

const ofSpiffe = ['trust_domain', 'bundle_url', 'bundle'] as const;
const ofOthers = ['issuer', 'jwks_uri', 'jwks'] as const;

/** Checks the identity of a runtime against itself: what one member says about another, and whether its rules can ever hold. */
export function checkIdentity({ draft, path: runtimePath }: Entry<RuntimeFile>, report: Report): void {
  const { identity } = draft;
  if (identity === undefined) return;
  const path = [...runtimePath, 'identity'];
  const wrong: Wrong = (member, message) =>
    report({ path: [...path, member], at: 'value', message: `${path.join('.')}.${member} ${message}` });
  checkMembers(identity, path, wrong, report);
  checkAddresses(identity, wrong);
  checkKeys(identity, path, report);
  if (identity.kind === 'spiffe' && identity.algorithms?.some((algorithm) => algorithm.startsWith('Ed')) === true)
    wrong('algorithms', 'holds EdDSA, which JWT-SVID does not allow: remove it');
  checkClaimRules(identity, draft.workflows, path, report);
}

function checkMembers(identity: IdentityFile, path: Path, wrong: Wrong, report: Report): void {
  const spiffe = identity.kind === 'spiffe';
  for (const member of spiffe ? ofOthers : ofSpiffe) {
    if (identity[member] === undefined) continue;
    wrong(member, spiffe ? 'means nothing with kind spiffe: give trust_domain, and bundle_url or bundle' : 'needs kind: spiffe');
  }
  const missing = (member: string, what: string): void =>
    report({ path, at: 'key', message: `${path.join('.')}.${member} is missing: ${what}` });
  if (spiffe) {
    if (identity.trust_domain === undefined) missing('trust_domain', 'name the trust domain of its SVIDs');
    const both = identity.bundle !== undefined && identity.bundle_url !== undefined;
    if (both) wrong('bundle', 'stands beside bundle_url: give one of the two');
    if (identity.bundle === undefined && identity.bundle_url === undefined)
      missing('bundle_url', 'say where the bundle is, or give it as bundle');
    return;
  }
  if (identity.issuer === undefined && identityKinds[identity.kind ?? 'jwt'].issuer === null)
    missing('issuer', 'give the iss of its tokens');
  if (identity.jwks !== undefined && identity.jwks_uri !== undefined) wrong('jwks', 'stands beside jwks_uri: give one of the two');
}

function checkAddresses(identity: IdentityFile, wrong: Wrong): void {
  const hosts = identity.allow_hosts ?? [];
  for (const member of ['jwks_uri', 'bundle_url'] as const) {
    const url = identity[member];
    const problem = url === undefined ? null : addressProblem(url, hosts);
    if (problem !== null) wrong(member, problem);
  }
  const { issuer } = identity;
  if (issuer === undefined) return;
  // an issuer that is never asked for anything need only be a name (RFC 7519 §4.1.1)
  const asked = identity.jwks === undefined && identity.jwks_uri === undefined;
  const problem = asked ? addressProblem(issuer, hosts) : URL.canParse(issuer) ? null : 'must be an absolute URI';
  if (problem !== null) wrong('issuer', problem);
  else if (asked && issuer.includes('?')) wrong('issuer', 'must not have a query: remove the ? and what follows it');
}

function checkKeys(identity: IdentityFile, path: Path, report: Report): void {
  for (const member of ['jwks', 'bundle'] as const) {
    for (const [index, key] of (identity[member]?.keys ?? []).entries()) {
      const problem = hasPrivateMembers(key)
        ? 'holds private members: give the public half only, and replace the key'
        : publicJwkSchema.safeParse(key).success
          ? null
          : 'is no public key (RFC 7517)';
      if (problem === null) continue;
      const name = [...path, member].join('.');
      report({ path: [...path, member, 'keys', index], at: 'value', message: `${name}.keys ${problem}` });
    }
  }
}
