import { z } from 'zod';
import { CommandFailed } from './command-failed.js';

const problem = z.looseObject({
  detail: z.string(),
  code: z.string(),
  problems: z
    .array(z.looseObject({ message: z.string(), file: z.string().optional(), line: z.number().optional(), column: z.number().optional() }))
    .optional(),
});

export interface CallOptions {
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Statuses that are answers, beside 2xx. */
  readonly accept?: readonly number[];
}

/** Which Corridor, and as whom. */
export interface Access {
  readonly url: string;
  readonly key: string;
  /** The variable or the file that the key is from. */
  readonly keySource: string;
}

/** A running Corridor, as the command line reaches it. */
export class CorridorApi {
  constructor(private readonly access: Access) {}

  get url(): string {
    return this.access.url;
  }

  /** @throws CommandFailed with the server's own words. */
  async call<T>(method: 'GET' | 'POST' | 'DELETE', route: string, schema: z.ZodType<T>, options: CallOptions = {}): Promise<T> {
    const response = await this.#send(method, route, options);
    const text = await this.#read(response);
    if (!response.ok && !options.accept?.includes(response.status)) throw this.#refused(response.status, text);
    const parsed = schema.safeParse(parseJson(text));
    if (!parsed.success) throw this.#notCorridor(response.status);
    return parsed.data;
  }

  async #send(method: string, route: string, options: CallOptions): Promise<Response> {
    try {
      return await fetch(this.access.url + route, {
        method,
        headers: {
          authorization: `Bearer ${this.access.key}`,
          ...(options.body === undefined ? {} : { 'content-type': 'application/json' }),
          ...options.headers,
        },
        body: options.body === undefined ? null : JSON.stringify(options.body),
        redirect: 'manual',
        signal: AbortSignal.timeout(30_000),
      });
    } catch (cause) {
      throw this.#unreachable(cause);
    }
  }

  async #read(response: Response): Promise<string> {
    try {
      return await response.text();
    } catch (cause) {
      throw this.#unreachable(cause);
    }
  }

  #unreachable(cause: unknown): CommandFailed {
    return new CommandFailed(
      `Corridor cannot be reached at ${this.access.url}: start it with "corridor serve", or set CORRIDOR_URL. (${reason(cause)})`,
    );
  }

  #refused(status: number, text: string): CommandFailed {
    const parsed = problem.safeParse(parseJson(text));
    if (!parsed.success) return this.#notCorridor(status);
    if (status === 401) return new CommandFailed(`The key of ${this.access.keySource} was not accepted: ${parsed.data.detail}`);
    return new CommandFailed(parsed.data.detail, 1, parsed.data.problems ?? []);
  }

  #notCorridor(status: number): CommandFailed {
    return new CommandFailed(
      `${this.access.url} answered with status ${status} and something that is not Corridor's: is CORRIDOR_URL right?`,
    );
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function reason(cause: unknown): string {
  const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
  return inner instanceof Error ? inner.message : 'no answer';
}
