import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import { show, table, type Surroundings } from './command.js';
import { CommandFailed } from './command-failed.js';
import type { CorridorApi } from './corridor-api.js';
import { StopProbe, type Probed } from './stop-probe.js';

const started = z.object({ run: z.string(), workflow: z.string(), client_secret: z.string() });
const raised = z.looseObject({ id: z.string() });
const recorded = z.looseObject({ entry: z.string() });

export interface DrillOptions {
  workflow?: string;
  replica?: readonly string[];
  json?: boolean;
}

interface ReplicaFigures {
  readonly url: string;
  /** Milliseconds from the call. */
  readonly refused_ms: number | null;
  readonly let_through: number;
}

/** Milliseconds between questions to one replica, and for how long after the acknowledgement a refusal is waited for. */
const BETWEEN = 5;
const PATIENCE = 10_000;
/** Questions to each replica that begin after the acknowledgement. */
const AFTERWARDS = 3;

/** Measures on a run of its own how long a stop takes at each replica. @throws CommandFailed also when one let a request through */
export async function drill(api: CorridorApi, options: DrillOptions, surroundings: Surroundings): Promise<void> {
  const urls = options.replica ?? [api.url];
  const {
    run,
    workflow,
    client_secret: secret,
  } = await api.call('POST', '/v1/drills', started, {
    body: { workflow: options.workflow ?? null },
  });
  const measured = await measure(
    api,
    run,
    urls.map((url) => new StopProbe(url, run, secret)),
  ).catch(async (error: unknown) => {
    await api.call('POST', `/v1/runs/${run}/end`, z.unknown()).catch(() => undefined); // it ends by its time otherwise
    throw error;
  });
  const { entry } = await api.call('POST', `/v1/drills/${run}/result`, recorded, { body: measured });
  const figures = { run, workflow, ...measured, entry };
  show(surroundings, options.json, figures, () => print(figures));
  const failed = measured.replicas.filter(({ refused_ms: refused, let_through: through }) => refused === null || through > 0);
  if (failed.length > 0) throw new CommandFailed(`The stop did not hold at ${failed.map(({ url }) => url).join(', ')}.`);
}

async function measure(api: CorridorApi, run: string, probes: readonly StopProbe[]) {
  for (const probe of probes) requireRunning(probe, await probe.ask());
  const call = { from: performance.now(), acknowledged: null as number | null, failed: false };
  const watched = probes.map((probe) => watch(probe, call));
  try {
    const body = { kind: 'run', id: run, reason: 'a drill', expires_at: new Date(Date.now() + 600_000).toISOString() };
    const { id: suspension } = await api.call('POST', '/v1/suspensions', raised, { body });
    call.acknowledged = performance.now();
    return { suspension, acknowledged_ms: tenths(call.acknowledged - call.from), replicas: await Promise.all(watched) };
  } catch (error) {
    call.failed = true;
    await Promise.allSettled(watched);
    throw error;
  }
}

/** Asks until it is refused, and then, once the stop was acknowledged, some more: none of these may pass. */
async function watch(
  probe: StopProbe,
  call: { readonly from: number; readonly acknowledged: number | null; readonly failed: boolean },
): Promise<ReplicaFigures> {
  let refused: number | null = null;
  let through = 0;
  for (let afterwards = 0; afterwards < AFTERWARDS && !call.failed; await pause(BETWEEN)) {
    const begun = performance.now();
    const answer = await probe.ask();
    if (answer === 'stopped') refused ??= tenths(performance.now() - call.from);
    if (call.acknowledged === null || begun < call.acknowledged) continue;
    if (answer === 'running') through++;
    if (answer !== 'unanswered' || begun > call.acknowledged + PATIENCE) afterwards++;
  }
  return { url: probe.url, refused_ms: refused, let_through: through };
}

function requireRunning({ url }: StopProbe, answer: Probed): void {
  if (answer === 'unanswered') throw new CommandFailed(`${url} does not answer the run of the drill: is it a replica of this Corridor?`);
  if (answer === 'stopped') throw new CommandFailed('The workflow of the drill is stopped already: name another with --workflow.');
}

function tenths(milliseconds: number): number {
  return Math.round(milliseconds * 10) / 10;
}

function print(figures: {
  run: string;
  workflow: string;
  acknowledged_ms: number;
  replicas: readonly ReplicaFigures[];
  entry: string;
}): string {
  const rows = figures.replicas.map(({ url, refused_ms: refused, let_through: through }) => [
    url,
    refused === null ? 'refused nothing' : `first refusal after ${refused} ms`,
    through === 0 ? 'nothing let through' : `${through} requests let through`,
  ]);
  return [
    `Stopped ${figures.run}, a run of ${figures.workflow}: acknowledged after ${figures.acknowledged_ms} ms.`,
    table(rows),
    `Measured at ${rows.length} ${rows.length === 1 ? 'replica' : 'replicas'}.`,
    `Recorded as ${figures.entry}.`,
  ].join('\n');
}
