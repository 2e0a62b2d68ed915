/**
 * The inputs of decisions, as they were stored with them (EntryLog, `decisionInput`): sealed, by digest, so that a decision can be
 * replayed. They name people, so they are kept for a time and no longer.
 *
 * forget removes a bounded number of those that are older than so many seconds, the oldest first, and says how many: to be called
 * now and then, again while it says any.
 */
export abstract class DecisionInputs {
  abstract forget(olderThan: number): Promise<number>;
}
