import type { Stoppable, Suspension } from './suspension.js';

/** The suspension that stops this, if one does. `now` in milliseconds; one past its expiry stops nothing. */
export function suspensionThatStops(suspensions: readonly Suspension[], what: Stoppable, now: number): Suspension | null {
  return suspensions.find((suspension) => isInForce(suspension, now) && covers(suspension, what)) ?? null;
}

export function isInForce(suspension: Suspension, now: number): boolean {
  return suspension.liftedAt === null && (suspension.expiresAt === null || suspension.expiresAt > now);
}

/** What is withdrawn is found in the database (issuances_covered): at least whatever this keeps from its holders. */
export function covers({ kind, target }: Pick<Suspension, 'kind' | 'target'>, what: Stoppable): boolean {
  switch (kind) {
    case 'everything':
      return true;
    case 'run':
      return what.runs.some((run) => run.id === target);
    case 'agent':
      return what.runs.some((run) => run.agent.name === target);
    case 'workflow':
      return what.runs.some((run) => run.workflow === target);
    case 'owner':
      return what.owners.some((owner) => owner === target);
    case 'operator':
      return what.runs.some((run) => run.operator !== null && run.operator.commitment === target);
    case 'purpose':
      return what.runs.some((run) => run.purpose === target);
    case 'runtime':
      return what.runs.some((run) => run.runtime === target);
    case 'client':
      return what.clients.some((client) => client === target);
    case 'resource':
      return what.resource === target;
    case 'authorization_server':
      return what.authorizationServer === target;
  }
}
