import type { CounterRead } from '../attribution/entry-log.js';
import type { AuthorizationDetails } from '../oauth/authorization-details.js';
import type { Scope } from '../oauth/scope.js';
import type { Decision } from '../policy/decision.js';
import type { Admitted, Refusal } from './context.js';

/** A decision and what it rests on. `scope`, `details` and `maxTtl` (seconds) are what was decided, with the obligations' absences filled in. */
export type Decided = Refused | PolicyDecided<'denied'> | PolicyDecided<'allowed'>;
export type TurnedAway = Refused | PolicyDecided<'denied'>;
export type Allowed = PolicyDecided<'allowed'>;

export interface Refused {
  readonly kind: 'refused';
  readonly decision: Decision;
  readonly refusal: Refusal;
}

interface PolicyDecided<Kind extends 'denied' | 'allowed'> {
  readonly kind: Kind;
  readonly decision: Decision;
  readonly admitted: Admitted;
  readonly scope: Scope;
  readonly details: AuthorizationDetails;
  readonly maxTtl: number;
  readonly isolation: 'run' | 'workflow';
  readonly counters: readonly CounterRead[];
  /** Of a decision whose input is not yet stored: what to store, and whom to tell when it is. */
  readonly input: { readonly sha256: string; readonly sealed: Uint8Array; stored(): void } | null;
}
