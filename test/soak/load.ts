import { fork, type ChildProcess } from 'node:child_process';
import { on } from 'node:events';
import path from 'node:path';
import { z } from 'zod';

export interface LoadSettings {
  /** Of the replicas, in turns. */
  readonly urls: readonly string[];
  /** Of a runtime. */
  readonly key: string;
  /** The body that starts a run. */
  readonly run: Readonly<Record<string, unknown>>;
  /** The second is asked for once in four times. */
  readonly resources: readonly [string, string];
  readonly scope: string;
}

const interval = z.object({
  /** Milliseconds since 1970, at its end. */
  at: z.number(),
  ok: z.number(),
  unavailable: z.number(),
  starved: z.number(),
  brokenOff: z.number(),
  unexpected: z.number(),
  examples: z.array(z.string()),
  heldBack: z.number(),
  /** Good answers that are tokens. */
  tokens: z.number(),
  /** Tokens that a run had not seen before. */
  received: z.array(z.object({ run: z.string(), sha256: z.string(), attribution: z.string() })),
  latency: z.object({ p50: z.number(), p99: z.number() }).nullable(),
});
export type Interval = z.infer<typeof interval>;
const told = z.union([interval, z.object({ done: z.literal(true) })]);

/** The process of the agents: it tells every two seconds what they were answered. */
export class Load {
  readonly #messages: AsyncIterator<unknown[]>;

  private constructor(private readonly child: ChildProcess) {
    this.#messages = on(child, 'message', { close: ['exit'] }) as AsyncIterator<unknown[]>;
  }

  static start(settings: LoadSettings): Load {
    const child = fork(path.join(import.meta.dirname, 'load.mjs'), { execArgv: [] });
    const load = new Load(child);
    child.send(settings);
    return load;
  }

  /** Requests a second from now on; null: as many as are answered. */
  pace(rate: number | null): void {
    this.child.send({ rate });
  }

  /** Nothing more is asked, and runs are ended; intervals come until that is done. */
  end(): void {
    this.child.send({ stop: true });
  }

  /** The next interval, or null when it has ended. */
  async next(): Promise<Interval | null> {
    const { done, value } = (await this.#messages.next()) as { done?: boolean; value: unknown[] };
    if (done === true) return null;
    const message = told.parse(value[0]);
    return 'done' in message ? null : message;
  }

  kill(): void {
    this.child.kill('SIGKILL');
  }
}
