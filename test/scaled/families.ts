import { z } from 'zod';
import type { Chronicle } from './chronicle.js';
import type { Closure, Subject } from './history.js';
import { clientOf, purpose, workflows, type Resource, type Workflow } from './scaled-catalogue.js';
import type { AgentRun, Surface } from './surface.js';

/** A run with its ancestors, the nearest first. */
export interface Member {
  readonly run: AgentRun;
  readonly lineage: readonly string[];
  readonly workflows: readonly Workflow[];
}

const started = z.object({ id: z.string(), client_secret: z.string() });

export function subjectOf({ lineage, workflows: through }: Member, resource: Resource): Subject {
  return { runs: lineage, workflows: through, clients: through.map(clientOf), resource, key: null };
}

/** A run of each workflow, each started by the one before it: whatever stops the first stops them all. */
export async function startFamily(surface: Surface, replica: number, key: string): Promise<readonly Member[] | null> {
  const family: Member[] = [];
  for (const workflow of workflows) {
    const parent = family.at(-1);
    const body = { workflow, purpose, ttl: 3000, ...(parent === undefined ? {} : { parent: parent.run.id }) };
    const answer = await surface.api(replica + family.length, 'POST', '/v1/runs', body, key);
    if (answer?.status !== 201) return null; // a fault hinders it: there will be others
    const { id, client_secret: secret } = started.parse(answer.body);
    family.push({
      run: { id, secret },
      lineage: [id, ...(parent?.lineage ?? [])],
      workflows: [workflow, ...(parent?.workflows ?? [])],
    });
  }
  return family;
}

/** Families that live, of which one comes and one goes now and then. */
export class Families {
  readonly #alive: (readonly Member[])[] = [];

  constructor(
    private readonly surface: Surface,
    private readonly chronicle: Chronicle,
    private readonly key: string,
  ) {}

  any(): Member {
    const family = pick(this.#alive);
    return pick(family);
  }

  async bear(replica: number): Promise<void> {
    const family = await startFamily(this.surface, replica, this.key);
    if (family !== null) this.#alive.push(family);
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
    await this.chronicle.closes([ended], () => this.surface.api(replica, 'POST', `/v1/runs/${run.id}/end`, undefined, this.key));
    await after();
    this.#alive.shift();
  }
}

export function pick<T>(items: readonly T[]): T {
  const item = items[Math.floor(Math.random() * items.length)];
  if (item === undefined) throw new RangeError('there is nothing to pick from');
  return item;
}
