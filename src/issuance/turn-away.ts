import type { Append, Appended } from '../attribution/entry-log.js';
import type { EntryMaker } from '../attribution/entry.js';
import { ServerError } from '../oauth/errors.js';
import { again, isRecorded, type Answer } from './answer.js';
import { causeMembers, requestColumns, requestMembers, type Cause } from './attribution-of.js';
import type { Context } from './context.js';
import type { TurnedAway } from './decided.js';
import { errorOfDenial, errorOfRefusal } from './errors-of.js';

/** A no is recorded too: `token.refused` is a guardrail's or a suspension's, `token.denied` the policy's. */
export function prepareTurnAway(context: Context, decided: TurnedAway, entries: EntryMaker, cause: Cause = null): Append {
  const { decision } = decided;
  const type = decided.kind === 'refused' ? 'token.refused' : 'token.denied';
  const entry = entries.make(
    type,
    context.facts.epoch,
    { ...requestMembers(context, decision), ...causeMembers(cause) },
    {
      ...requestColumns(context, decision),
      ...(decided.kind === 'denied' ? { client: decided.admitted.parties[0].client.id } : {}),
    },
  );
  return {
    entry,
    epoch: context.facts.epoch,
    run: null,
    effect: null,
    counters: decided.kind === 'denied' ? decided.counters : [],
    decisionInput: decided.kind === 'denied' ? decided.input : null,
  };
}

export function answerOfTurnAway(decided: TurnedAway, append: Append, { verdict }: Appended): Answer {
  if (verdict === 'bad') return { kind: 'turned_away', error: new ServerError('the refusal cannot be recorded'), recorded: false };
  if (!isRecorded(verdict)) return again(verdict);
  const error =
    decided.kind === 'refused'
      ? errorOfRefusal(decided.refusal, decided.decision, append.entry.id)
      : errorOfDenial(decided.decision, append.entry.id);
  return { kind: 'turned_away', error, recorded: true };
}
