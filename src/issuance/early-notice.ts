/** What may be left to be done, each by a loop of its own. */
export const workKinds = ['revocations', 'run_ends', 'intents', 'rotations', 'credentials'] as const;
export type WorkKind = (typeof workKinds)[number];

/**
 * What the processes that serve from one database tell each other, so that they look sooner. Nothing rests on it: facts are compared in
 * the database, and what is to be done stands there in rows that the loops find by themselves. Any word may be lost, come late, or twice.
 *
 * factsChanged and workLeft MUST return at once and MUST NOT throw; they are called when what they tell of is committed. Every process
 * hears of facts. Of work some process hears that does work of this kind, `dueIn` milliseconds later.
 */
export abstract class EarlyNotice {
  abstract factsChanged(): void;
  abstract onFacts(noticed: () => void): void;
  abstract workLeft(kind: WorkKind, dueIn?: number): void;
  abstract onWork(kind: WorkKind, wake: () => void): void;
}
