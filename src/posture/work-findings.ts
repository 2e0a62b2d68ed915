import { timestamp } from '../oauth/clock.js';
import type { GivenUpWork, WorkKind } from '../work/owed-work.js';
import type { Finding } from './finding.js';

const NAMES: Readonly<Record<WorkKind, string>> = {
  revoke: 'the revocation of a token',
  end_run: 'the end of a run',
  close_intent: 'the closing of an intent',
  rotate: 'a step of its rotation',
};

/** Work that is tried no more, until somebody says so; of clients that left the catalogue too, since their tokens may live. */
export function workFindings(givenUp: readonly GivenUpWork[]): Finding[] {
  return givenUp.map(({ kind, client, workflow, count, lastError, livesUntil }) => {
    const often = count === 1 ? '' : ` ${count} times`;
    const why = lastError === null ? '' : ` (${lastError})`;
    const lives = livesUntil === null ? '' : `, and a token lives until ${timestamp(livesUntil)}`;
    return {
      code: 'work_given_up',
      severity: 'warning',
      subject: client === null ? `workflow ${workflow ?? 'unknown'}` : `client ${client}`,
      message: `${NAMES[kind]} was given up${often}${why}${lives}: see "corridor work --state given_up", mend the cause, then "corridor work retry"`,
    };
  });
}
