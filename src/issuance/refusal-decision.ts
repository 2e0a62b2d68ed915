import type { Clock } from '../oauth/clock.js';
import type { Reason } from '../oauth/errors.js';
import { newIdentifier, type Randomness } from '../oauth/identifier.js';
import type { Decision } from '../policy/decision.js';

/** The decision of a guardrail or a suspension: no policy was asked. */
export function refusalDecision(
  revision: string | null,
  by: 'guardrail' | 'suspension',
  reason: Reason,
  clock: Clock,
  randomness: Randomness,
): Decision {
  return {
    id: newIdentifier('dec', clock.now(), randomness),
    by,
    revision,
    inputSha256: null,
    allow: false,
    reasons: [reason],
    obligations: {},
    failure: false,
    repeatable: true,
  };
}
