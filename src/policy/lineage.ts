import type { Reason } from '../oauth/errors.js';
import { Scope } from '../oauth/scope.js';
import { type Obligations, policyFailureCodes } from './decision.js';
import { type Asked, denial, type Word } from './word.js';

/** The policy's word on a run, or on one of its ancestors. */
export interface Spoken {
  readonly run: string;
  readonly word: Word;
}

/**
 * One word out of those on a run and on each of its ancestors (DESIGN §3): all must allow, scopes intersect, the
 * narrowest details and the shortest life win, and a token is shared only if all say so. The run itself comes first. A no outweighs a failure: it would be no
 * answer worth waiting for.
 */
export function wordOnLineage(lineage: readonly [Spoken, ...Spoken[]], asked: Asked): Word {
  const [own, ...ancestors] = lineage;
  if (ancestors.length === 0) return own.word;

  const denied = lineage.find(({ word }) => !word.allow && !word.failure) ?? lineage.find(({ word }) => !word.allow);
  if (denied !== undefined) return denied === own ? own.word : ofAncestor(denied);

  const obliged = lineage.map(({ word }) => (word.allow ? word.obligations : {}));
  const obligations = strictest(obliged, asked);
  if (obligations === null) return denial({ code: policyFailureCodes.nothingInCommon });
  return { allow: true, reasons: own.word.allow ? own.word.reasons : [], obligations };
}

function ofAncestor({ run, word }: Spoken): Word {
  if (word.allow) return word;
  const [first, ...more] = word.reasons;
  const marked = (reason: Reason): Reason => ({ ...reason, ancestor: run });
  return { ...word, reasons: [marked(first), ...more.map(marked)] };
}

/** Null where there is nothing on which all agree. */
function strictest(all: readonly Obligations[], asked: Asked): Obligations | null {
  const scopes = all.flatMap((one) => (one.scopes === undefined ? [] : [Scope.of(one.scopes)]));
  const inCommon = scopes.reduce((left, scope) => left.intersect(scope), asked.scope);
  const details = all.flatMap((one) => one.authorization_details ?? []);
  const narrowest = details.find((one) => details.every((other) => one.isNoBroaderThan(other)));
  if ((inCommon.isEmpty && !asked.scope.isEmpty) || (narrowest === undefined && details.length > 0)) return null;
  const lives = all.flatMap((one) => one.max_ttl ?? []);
  return {
    ...(scopes.length === 0 ? {} : { scopes: inCommon.tokens }),
    ...(narrowest === undefined ? {} : { authorization_details: narrowest }),
    ...(lives.length === 0 ? {} : { max_ttl: Math.min(...lives) }),
    ...(all.every((one) => one.isolation === 'workflow') ? { isolation: 'workflow' } : {}),
  };
}
