import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';

/** A command cannot go on: one message that says what to do, and the exit code. */
export class CommandFailed extends Error {
  constructor(
    message: string,
    readonly exitCode = 1,
    readonly problems: readonly { message: string; file?: string; line?: number; column?: number }[] = [],
  ) {
    super(message);
    this.name = 'CommandFailed';
  }
}

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

/** A running Corridor, as the command line reaches it: by CORRIDOR_URL and CORRIDOR_KEY, else by the data directory. */
export class CorridorApi {
  constructor(
    readonly url: string,
    private readonly key: string,
  ) {}

  /** @throws CommandFailed with the server's own words. */
  async call<T>(method: 'GET' | 'POST' | 'DELETE', route: string, schema: z.ZodType<T>, options: CallOptions = {}): Promise<T> {
    const response = await this.#send(method, route, options);
    const text = await response.text();
    if (!response.ok && !options.accept?.includes(response.status)) throw refused(response.status, text);
    const parsed = schema.safeParse(parseJson(text));
    if (!parsed.success) throw new CommandFailed(`${this.url} answered with something that is not Corridor's: is CORRIDOR_URL right?`);
    return parsed.data;
  }

  async #send(method: string, route: string, options: CallOptions): Promise<Response> {
    try {
      return await fetch(this.url + route, {
        method,
        headers: {
          authorization: `Bearer ${this.key}`,
          ...(options.body === undefined ? {} : { 'content-type': 'application/json' }),
          ...options.headers,
        },
        body: options.body === undefined ? null : JSON.stringify(options.body),
        redirect: 'manual',
        signal: AbortSignal.timeout(30_000),
      });
    } catch (cause) {
      throw new CommandFailed(
        `Corridor cannot be reached at ${this.url}: start it with "corridor serve", or set CORRIDOR_URL. (${reason(cause)})`,
      );
    }
  }
}

function refused(status: number, text: string): CommandFailed {
  const parsed = problem.safeParse(parseJson(text));
  if (!parsed.success) return new CommandFailed(`Corridor answered with status ${status}.`);
  return new CommandFailed(parsed.data.detail, 1, parsed.data.problems ?? []);
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

const address = z.object({ url: z.string() });

/** The file beside the admin key that says where the Corridor of this directory listens. */
export const addressFile = 'address.json';

/** @throws CommandFailed */
export async function findCorridor(environment: Readonly<Record<string, string | undefined>>, directory: string): Promise<CorridorApi> {
  const dataDirectory = path.resolve(directory, environment['CORRIDOR_DATA_DIR'] || '.corridor');
  const url = environment['CORRIDOR_URL'] || (await readAddress(dataDirectory));
  const key = environment['CORRIDOR_KEY'] || (await readText(path.join(dataDirectory, 'admin.key')));
  if (url === null || key === null) {
    throw new CommandFailed(
      `No Corridor found: set CORRIDOR_URL and CORRIDOR_KEY, or start one here with "corridor serve" (looked in ${dataDirectory}).`,
    );
  }
  return new CorridorApi(url.replace(/\/+$/, ''), key.trim());
}

async function readAddress(dataDirectory: string): Promise<string | null> {
  const text = await readText(path.join(dataDirectory, addressFile));
  const parsed = text === null ? undefined : address.safeParse(parseJson(text));
  return parsed?.success ? parsed.data.url : null;
}

async function readText(file: string): Promise<string | null> {
  try {
    return await readFile(file, 'utf8');
  } catch {
    return null;
  }
}
