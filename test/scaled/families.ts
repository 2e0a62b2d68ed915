import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { Random } from '../rig/seeded-random.js';
import type { Chronicle } from './chronicle.js';
import { nothing, type Closure, type Subject } from './history.js';
import { agentOfPod } from './platforms.js';
import { clientOf, purposes, workflows, type Resource, type Traits } from './scaled-catalogue.js';
import type { ScaledWorld } from './scaled-world.js';
import { byAssertion, bySecret, errorOf, type AgentRun, type Answered, type Surface } from './surface.js';

/** A run, with what can stop it: of itself and of its ancestors, the nearest first. */
export interface Member {
  readonly run: AgentRun;
  readonly lineage: readonly string[];
  readonly traits: readonly Traits[];
}

const started = z.object({ id: z.string(), client_secret: z.string() });

/** Asks, and may note what came of it. */
type Ask = (ask: () => Promise<Answered>) => Promise<Answered>;

export function subjectOf({ lineage, traits }: Member, resource: Resource): Subject {
  return {
    runs: lineage,
    agents: traits.map(({ agent }) => agent),
    workflows: traits.map(({ workflow }) => workflow),
    operators: traits.flatMap(({ operator }) => operator ?? []),
    purposes: traits.map(({ purpose }) => purpose),
    runtimes: traits.map(({ runtime }) => runtime),
    clients: traits.map(({ workflow }) => clientOf(workflow)),
    resource,
    key: null,
  };
}

const anybody = (): Pick<Traits, 'purpose' | 'agent' | 'operator'> => ({
  purpose: pick(purposes),
  agent: pick(['crawler', 'reader', 'writer']),
  operator: pick(['ada@example.com', 'eve@example.com']),
});

/** A run of each workflow, each started by the one before it: whatever stops the first stops them all. */
async function startTree(
  start: (traits: Traits, parent: string | null, nth: number) => Promise<AgentRun | null>,
  runtime: Traits['runtime'],
) {
  const family: Member[] = [];
  for (const workflow of workflows) {
    const parent = family.at(-1);
    const traits: Traits = { workflow, runtime, ...anybody() };
    const run = await start(traits, parent?.run.id ?? null, family.length);
    if (run === null) return null; // a fault hinders it: there will be others
    family.push({ run, lineage: [run.id, ...(parent?.lineage ?? [])], traits: [traits, ...(parent?.traits ?? [])] });
  }
  return family;
}

/** Such a tree, started with the key of a runtime. */
export async function startFamily(
  surface: Surface,
  replica: number,
  key: string,
  asking: Ask = (ask) => ask(),
): Promise<readonly Member[] | null> {
  return startTree(async ({ workflow, purpose, agent, operator }, parent, nth) => {
    const body = { workflow, purpose, agent: { name: agent }, operator, ttl: 3000, parent };
    const answer = await asking(() => surface.api(replica + nth, 'POST', '/v1/runs', body, key));
    if (answer?.status !== 201) return null;
    const { id, client_secret: secret } = started.parse(answer.body);
    return bySecret(id, secret);
  }, 'ci');
}

/** Such a tree of jobs, each of which exchanges the token of its platform for a run. */
async function startJobs(
  { platforms, issuer }: ScaledWorld,
  surface: Surface,
  replica: number,
  asking: Ask,
): Promise<readonly Member[] | null> {
  return startTree(async (traits, parent, nth) => {
    const token = await platforms.tokenOfJob({ ...traits, id: randomUUID() }, issuer);
    const answer = await asking(() => surface.api(replica + nth, 'POST', '/v1/runs', { ttl: 3000, parent }, token));
    if (answer?.status !== 201) return null;
    const { id, client_secret: secret } = started.parse(answer.body);
    return bySecret(id, secret);
  }, 'jobs');
}

/** A pod, whose first request at the token endpoint starts its run: here one for a resource that there is not. */
async function startPod(world: ScaledWorld, surface: Surface, replica: number, asking: Ask): Promise<readonly Member[] | null> {
  const named = { workflow: pick(workflows), purpose: pick(purposes) };
  const traits: Traits = { ...named, agent: agentOfPod(named), operator: null, runtime: 'cluster' };
  const pod = randomUUID();
  const run = byAssertion('', await world.platforms.tokenOfPod({ ...named, id: pod }, world.issuer));
  await asking(async () => {
    const { answer } = await surface.askWith(replica, null, { ...run.parameters, resource: 'https://nowhere.example' });
    // the run is there by then; what stops it comes first
    return ['invalid_target', 'access_denied'].includes(errorOf(answer)) ? { status: 200, body: {} } : answer;
  });
  const id = await world.runOfPod(pod);
  return id === null ? null : [{ run: { ...run, id }, lineage: [id], traits: [traits] }];
}

/** Families that live, of which one comes and one goes now and then. */
export class Families {
  readonly #alive: (readonly Member[])[] = [];
  #born = 0;

  constructor(
    private readonly world: ScaledWorld,
    private readonly surface: Surface,
    private readonly chronicle: Chronicle,
    private readonly key: string,
  ) {}

  any(): Member {
    const family = pick(this.#alive);
    return pick(family);
  }

  /** In turns by a key, by exchange, and straight at the token endpoint. */
  async bear(replica: number): Promise<void> {
    const { world, surface, chronicle, key } = this;
    // no stop keeps a run from being started
    const asking: Ask = (ask) => chronicle.answer(nothing, ask);
    const ways = [
      () => startFamily(surface, replica, key, asking),
      () => startJobs(world, surface, replica, asking),
      () => startPod(world, surface, replica, asking),
    ];
    const family = await ways[this.#born++ % ways.length]?.();
    if (family != null) this.#alive.push(family);
  }

  get count(): number {
    return this.#alive.length;
  }

  /** Ends any run of the oldest, whose members go on asking for as long as `after` takes. */
  async bury(replica: number, after: () => Promise<void>): Promise<void> {
    const [family] = this.#alive;
    if (family === undefined) return;
    const { run } = pick(family);
    const ended: Pick<Closure, 'kind' | 'target'> = { kind: 'ended run', target: run.id };
    await this.chronicle.closes([ended], () => this.surface.api(replica, 'POST', `/v1/runs/${run.id}/end`));
    await after();
    this.#alive.shift();
  }
}

export function pick<T>(items: readonly T[], random: Random = Math.random): T {
  const item = items[Math.floor(random() * items.length)];
  if (item === undefined) throw new RangeError('there is nothing to pick from');
  return item;
}
