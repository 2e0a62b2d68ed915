import { TemporarilyUnavailable } from '../oauth/errors.js';

const WAITING = 256;

/** Lets tasks of one key run one after another, in the order in which they came. */
export class QueuePerKey {
  readonly #queues = new Map<string, { last: Promise<unknown>; tasks: number }>();

  /** So many tasks of one key may be under way or wait. */
  constructor(private readonly most = WAITING) {}

  /** @throws TemporarilyUnavailable when too many wait already, and whatever the task throws */
  async run<T>(key: string, task: () => Promise<T>): Promise<T> {
    const queue = this.#queues.get(key) ?? { last: Promise.resolve(), tasks: 0 };
    if (queue.tasks >= this.most)
      throw new TemporarilyUnavailable('too many requests of this run take turns: try again', { retryAfter: 1 });
    const turn = queue.last.then(task);
    queue.last = turn.catch(() => undefined);
    queue.tasks++;
    this.#queues.set(key, queue);
    try {
      return await turn;
    } finally {
      queue.tasks--;
      if (queue.tasks === 0) this.#queues.delete(key);
    }
  }
}
