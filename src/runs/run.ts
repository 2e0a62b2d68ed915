import type { JWK } from 'jose';

/** Who or what acts, as the runtime says. */
export interface Agent {
  readonly name: string;
  readonly version: string;
  readonly model: string;
}

/**
 * What a run authenticates with: the SHA-256 of a secret (hex), a public key (JWK) for `private_key_jwt`, or what its runtime's
 * issuer signs. `id` changes with it.
 */
export type RunCredential =
  | { readonly id: string; readonly method: 'client_secret'; readonly secretSha256: string }
  | { readonly id: string; readonly method: 'private_key_jwt'; readonly publicKey: JWK }
  | { readonly id: string; readonly method: 'workload' };

export type ClaimValue = string | number | boolean;

/** What the issuer of a runtime signed of a run, rather than what somebody said of it. */
export interface Attested {
  readonly issuer: string;
  /** The platform's own id of the run: of a runtime, one run is ever opened for it. */
  readonly runId: string;
  /** The claims that the mapping names, under the names that it has for them. */
  readonly claims: Readonly<Record<string, ClaimValue>>;
}

/** The person or thing that started a run: the name, and the salted commitment that stands in the record in its place. */
export interface Operator {
  readonly name: string;
  readonly commitment: string;
}

/** One execution of a workflow by an agent: the unit of attribution. Times in milliseconds since 1970, on the database's line. */
export interface Run {
  readonly id: string;
  readonly runtime: string;
  readonly workflow: string;
  readonly purpose: string;
  readonly operator: Operator | null;
  readonly agent: Agent;
  /** The identifiers of its ancestors, the nearest first; at most 8. */
  readonly ancestors: readonly string[];
  readonly credential: RunCredential;
  readonly startedAt: number;
  readonly expiresAt: number;
  readonly endedAt: number | null;
  /** Of a run that a workload assertion started. */
  readonly attested?: Attested;
}

/** The runtime of the embedded form, which may start every workflow. */
export const localRuntime = 'local';
export const drillAgent = 'corridor-drill';

/** A run that is there to be stopped, when the stop is tried out. */
export function isDrill({ runtime, agent }: Pick<Run, 'runtime' | 'agent'>): boolean {
  return runtime === localRuntime && agent.name === drillAgent;
}

export const maxAncestors = 8;

export function isOver(run: Run, now: number): boolean {
  return run.endedAt !== null || run.expiresAt <= now;
}
