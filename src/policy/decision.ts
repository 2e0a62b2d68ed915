import type { AuthorizationDetails } from '../oauth/authorization-details.js';
import type { Reason } from '../oauth/errors.js';

/** What the decision obliges Corridor to. Absent: scopes as asked, no details (none were asked for), the resource's and the run's time, isolation `run`. Seconds. */
export interface Obligations {
  readonly scopes?: readonly string[];
  readonly authorization_details?: AuthorizationDetails;
  readonly max_ttl?: number;
  readonly isolation?: 'run' | 'workflow';
}

/**
 * The answer to one request. `by` says whose word it is: a guardrail is code, a suspension is the kill switch, the policy is Rego.
 * `failure` marks a denial because the policy could not answer in time or at all (503), not because it said no (400).
 */
export interface Decision {
  readonly id: string;
  readonly by: 'policy' | 'guardrail' | 'suspension';
  readonly revision: string | null;
  readonly inputSha256: string | null;
  readonly allow: boolean;
  readonly reasons: readonly Reason[];
  readonly obligations: Obligations;
  readonly failure: boolean;
  /** False when the answer rests on counters and must not be remembered. */
  readonly repeatable: boolean;
}

/** Reason codes of denials that Corridor itself gives when the policy gave no usable answer. Documented in docs/reasons.md. */
export const policyFailureCodes = {
  undefined: 'policy_undefined',
  malformed: 'policy_malformed',
  unknownObligation: 'policy_unknown_obligation',
  broader: 'policy_broader_than_asked',
  detailsUndecided: 'policy_details_undecided',
  nothingInCommon: 'policy_nothing_in_common',
  inputRefused: 'policy_input_refused',
  threw: 'policy_error',
  timeout: 'policy_timeout',
  overloaded: 'policy_overloaded',
  notLoaded: 'policy_not_loaded',
} as const;
