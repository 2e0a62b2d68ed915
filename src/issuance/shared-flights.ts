/**
 * One flight per key among all processes that serve from one database: of several that want the same token at once, one asks for it.
 * Nothing rests on it: two that ask at once get a token each.
 *
 * run MUST give what `look` finds or else what `task` brings, and MUST NOT reject unless one of them does. It looks before it runs the task.
 * While another process has the turn under this key it waits for a bounded time, of some seconds, and then goes on alone; where it cannot
 * learn who has the turn it goes on alone at once.
 */
export abstract class SharedFlights {
  abstract run<T>(key: string, look: () => Promise<T | null>, task: () => Promise<T>): Promise<T>;
}

/** There is nobody to agree with, or no way to. */
export class OwnFlights extends SharedFlights {
  async run<T>(_key: string, look: () => Promise<T | null>, task: () => Promise<T>): Promise<T> {
    return (await look()) ?? task();
  }
}
