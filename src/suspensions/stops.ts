import type { Stoppable, Suspension } from './suspension.js';

/** The suspension that stops this, if one does. `now` in milliseconds; one past its expiry stops nothing. */
export function suspensionThatStops(suspensions: readonly Suspension[], what: Stoppable, now: number): Suspension | null {
  return suspensions.find((suspension) => isInForce(suspension, now) && covers(suspension, what)) ?? null;
}

export function isInForce(suspension: Suspension, now: number): boolean {
  return suspension.liftedAt === null && (suspension.expiresAt === null || suspension.expiresAt > now);
}

function covers(suspension: Suspension, what: Stoppable): boolean {
  switch (suspension.kind) {
    case 'everything':
      return true;
    case 'run':
      return what.runs.some((run) => run.id === suspension.target);
    case 'workflow':
      return what.runs.some((run) => run.workflow === suspension.target);
    case 'client':
      return what.clients.some((client) => client === suspension.target);
    case 'resource':
      return what.resource === suspension.target;
  }
}
