import type { PolicySource } from './policy-compiler.js';

/** Where the sources of policy revisions are kept. source MUST give what was activated under this digest, or null. */
export abstract class PolicySources {
  abstract source(digest: string): Promise<PolicySource | null>;
}
