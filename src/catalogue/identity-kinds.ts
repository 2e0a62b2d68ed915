import type { AssertionAlgorithmName, IdentityKind } from './workload-identity.js';

/** What is known of a platform's tokens, so that the catalogue need not say it. Times in seconds. */
export interface IdentityDefaults {
  /** Where everybody has the same one. */
  readonly issuer: string | null;
  readonly algorithms: readonly AssertionAlgorithmName[];
  readonly maxAssertionLife: number;
  readonly assertionReuse: boolean;
  readonly audienceArray: boolean;
  readonly agent: { readonly name: string; readonly version: string; readonly model: string };
  readonly operator: string | null;
  readonly runId: string | null;
  /**
   * The claims that tell one customer of a shared issuer from all others: each rule must match one of them, from its first character
   * on, or strangers could meet it. Empty where the issuer is the organisation's own.
   */
  readonly tenantClaims: readonly string[];
}

const nobody = { name: 'unnamed', version: 'unknown', model: 'none' } as const;
const svidAlgorithms = ['RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512', 'PS256', 'PS384', 'PS512'] as const;

export const identityKinds: Readonly<Record<IdentityKind, IdentityDefaults>> = {
  jwt: {
    issuer: null,
    algorithms: ['RS256', 'PS256', 'ES256', 'EdDSA'],
    maxAssertionLife: 300,
    assertionReuse: false,
    audienceArray: false,
    agent: nobody,
    operator: null,
    runId: null,
    tenantClaims: [],
  },
  // a projected token lies in a file, is replaced by the kubelet before it expires, and is read again and again meanwhile
  kubernetes: {
    issuer: null,
    algorithms: ['RS256', 'ES256'],
    maxAssertionLife: 3_600,
    assertionReuse: true,
    audienceArray: true,
    agent: { ...nobody, name: '{/kubernetes.io/namespace}/{/kubernetes.io/serviceaccount/name}' },
    operator: null,
    runId: '{/kubernetes.io/pod/uid}',
    tenantClaims: [],
  },
  github_actions: {
    issuer: 'https://token.actions.githubusercontent.com',
    algorithms: ['RS256'],
    maxAssertionLife: 900,
    assertionReuse: false,
    audienceArray: false,
    agent: { ...nobody, name: '{repository}', version: '{sha}' },
    operator: '{actor}',
    runId: '{run_id}-{run_attempt}',
    tenantClaims: ['repository', 'repository_id', 'repository_owner', 'repository_owner_id', 'sub'],
  },
  // an id_token lives as long as its job may
  gitlab_ci: {
    issuer: 'https://gitlab.com',
    algorithms: ['RS256'],
    maxAssertionLife: 3_600,
    assertionReuse: false,
    audienceArray: false,
    agent: { ...nobody, name: '{project_path}', version: '{sha}' },
    operator: '{user_login}',
    runId: '{job_id}',
    tenantClaims: ['project_path', 'project_id', 'namespace_path', 'namespace_id', 'sub'],
  },
  // an SVID names a workload and no run of it, and need not have a `jti`: `exp` is all that tells one from the next, to the second
  spiffe: {
    issuer: null,
    algorithms: svidAlgorithms,
    maxAssertionLife: 300,
    assertionReuse: false,
    audienceArray: true,
    agent: { ...nobody, name: '{sub}' },
    operator: null,
    runId: '{sub}@{exp}',
    tenantClaims: [],
  },
};
