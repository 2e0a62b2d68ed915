import type { AuthorizationDetails } from '../oauth/authorization-details.js';
import type { Reason } from '../oauth/errors.js';
import type { Scope } from '../oauth/scope.js';
import { readAnswer } from './answer.js';
import { type Obligations, policyFailureCodes } from './decision.js';
import type { EvaluationResult } from './evaluator.js';

/** What a request asks for: one of the two at least. */
export interface Asked {
  readonly scope: Scope;
  readonly details: AuthorizationDetails;
}

/** The policy's word on one run. `failure`: it could not answer, which says nothing about the request (503, not 400). */
export type Word =
  | { readonly allow: true; readonly reasons: readonly Reason[]; readonly obligations: Obligations }
  | { readonly allow: false; readonly reasons: readonly [Reason, ...Reason[]]; readonly failure: boolean };

/** What an evaluation means: an allowance only where the answer says so in every particular. */
export function wordOf(result: EvaluationResult, asked: Asked): Word {
  switch (result.kind) {
    case 'value':
      return wordOfValue(result.value, asked);
    case 'undefined':
      return denial({ code: policyFailureCodes.undefined });
    case 'unreadable':
      return denial({ code: policyFailureCodes.malformed, at: 'decision' });
    case 'input_refused':
      return denial({ code: policyFailureCodes.inputRefused });
    case 'threw':
      return failed(policyFailureCodes.threw);
    case 'timeout':
      return failed(policyFailureCodes.timeout);
    case 'overloaded':
      return failed(policyFailureCodes.overloaded);
    case 'not_loaded':
      return failed(policyFailureCodes.notLoaded);
  }
}

function wordOfValue(value: unknown, asked: Asked): Word {
  const answer = readAnswer(value);
  if (answer.kind === 'malformed') return denial({ code: policyFailureCodes.malformed, at: answer.at });
  if (answer.kind === 'unknown_obligation') return denial({ code: policyFailureCodes.unknownObligation, obligation: answer.obligation });
  if (!answer.allow) {
    const [first = { code: 'denied' }, ...more] = answer.reasons;
    return { allow: false, reasons: [first, ...more], failure: false };
  }
  const { scopes, authorization_details: details } = answer.obligations;
  if ((scopes?.length === 0 && !asked.scope.isEmpty) || (details?.isEmpty === true && !asked.details.isEmpty)) {
    return denial({ code: policyFailureCodes.malformed, at: 'obligations' });
  }
  // a policy that knows nothing of details must not allow them by saying nothing
  if (details === undefined && !asked.details.isEmpty) return denial({ code: policyFailureCodes.detailsUndecided });
  if (scopes?.every((scope) => asked.scope.has(scope)) === false || details?.isNoBroaderThan(asked.details) === false) {
    return denial({ code: policyFailureCodes.broader });
  }
  return { allow: true, reasons: answer.reasons, obligations: answer.obligations };
}

export function denial(reason: Reason): Word {
  return { allow: false, reasons: [reason], failure: false };
}

export function failed(code: string): Word {
  return { allow: false, reasons: [{ code }], failure: true };
}
