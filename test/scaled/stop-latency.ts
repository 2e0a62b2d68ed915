import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { text } from 'node:stream/consumers';
import { z } from 'zod';
import { startFamily } from './families.js';
import { clientOf, resources, scope, type Resource } from './scaled-catalogue.js';
import type { ScaledWorld } from './scaled-world.js';
import type { Answered, Surface } from './surface.js';

export interface Latencies {
  /** Milliseconds from the call to its acknowledgement, in ascending order. */
  readonly times: readonly number[];
  /** Requests a second that the three replicas answered meanwhile. */
  readonly load: number;
  /** How many tokens were live when everything was stopped, each time. */
  readonly live: readonly number[];
}

/** What the agents ask for: so many families of runs, for tokens of one resource. */
export interface Wanted {
  readonly families: number;
  readonly resource: Resource;
}

/** How a stop is insisted on: for so many milliseconds it is asked for again where it was told to try again, which counts as its time. */
export interface Insistence {
  readonly insist: number;
}

const CONNECTIONS_PER_REPLICA = 4;
/** Milliseconds between two requests of an agent: some hundred requests a second in all, and a machine of two cores is not at its end. */
const PAUSE = 20;
/** Milliseconds between two stops: the agents are the load, and a stop is the exception. */
const BETWEEN_STOPS = 200;
/** Stops that are not counted: what they run through was never run before. */
const WARM_UP = 25;
const raised = z.object({ id: z.string(), exposed: z.object({ revoked: z.number(), pending: z.number(), unsupported: z.number() }) });
const lastLine = z.object({ counts: z.record(z.string(), z.number()), seconds: z.number() });

/**
 * How long a stop takes to be acknowledged by three replicas that agents ask for tokens all the time, so many times. Tokens that nobody
 * can revoke are live from one stop to the next until they end, as no stop in earnest finds them: how many depends on how long they live.
 */
export async function stopLatency(
  world: ScaledWorld,
  surface: Surface,
  key: string,
  stops: number,
  { families, resource, insist }: Wanted & Insistence,
): Promise<Latencies> {
  const started = await Promise.all(Array.from({ length: families }, (_, index) => startFamily(surface, index, key)));
  const members = started.flatMap((family) => family ?? []);
  const [first] = members;
  if (first === undefined) throw new Error('no run could be started');
  const targets = [
    { kind: 'workflow', id: 'plan' },
    { kind: 'run', id: first.run.id },
    { kind: 'resource', id: resource },
    { kind: 'client', id: clientOf('index') },
    { kind: 'everything' },
  ];
  const load = spawn(process.execPath, [path.join(import.meta.dirname, 'load.mjs')], { stdio: ['pipe', 'pipe', 'inherit'] });
  const printed = text(load.stdout);
  const ended = once(load, 'exit');
  load.stdin.end(
    JSON.stringify({
      urls: world.replicas.map(({ issuer }) => `${issuer}/token`),
      authorizations: members.map(({ run }) => run.authorization),
      body: new URLSearchParams({ grant_type: 'client_credentials', resource: resources[resource], scope }).toString(),
      connections: CONNECTIONS_PER_REPLICA,
      pause: PAUSE,
    }),
  );
  const times: number[] = [];
  const live: number[] = [];
  try {
    await wait(1_500);
    for (let stop = -WARM_UP; stop < stops; stop++) {
      const target = targets[(stop + WARM_UP) % targets.length];
      const before = performance.now();
      const raise = (): Promise<Answered> => surface.api(stop + WARM_UP, 'POST', '/v1/suspensions', { ...target, reason: 'a drill' });
      let answer = await raise();
      while (answer?.status === 503 && performance.now() - before < insist) answer = await raise();
      if (stop >= 0) times.push(performance.now() - before);
      const { id, exposed } = acknowledged(answer);
      if (stop >= 0 && target?.kind === 'everything') live.push(exposed.revoked + exposed.pending + exposed.unsupported);
      await surface.api(stop + WARM_UP + 1, 'DELETE', `/v1/suspensions/${id}`);
      await wait(BETWEEN_STOPS);
    }
  } finally {
    load.kill('SIGTERM');
    await ended;
  }
  const { counts, seconds } = lastLine.parse(JSON.parse((await printed).trim().split('\n').at(-1) ?? ''));
  const answered = Object.values(counts).reduce((sum, count) => sum + count, 0);
  return { times: times.sort((a, b) => a - b), load: answered / seconds, live };
}

function acknowledged(answer: Answered): z.infer<typeof raised> {
  const { success, data } = raised.safeParse(answer?.body);
  if (!success)
    throw new Error(`a stop was not acknowledged: ${answer === null ? 'no answer' : `${answer.status} ${JSON.stringify(answer.body)}`}`);
  return data;
}

export function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? NaN;
}
