import { setTimeout as wait } from 'node:timers/promises';
import { z } from 'zod';
import type { Chronicle } from './chronicle.js';
import type { Drills } from './drills.js';
import type { Families } from './families.js';
import { nothing, type Closure } from './history.js';
import { anyReplica, insist } from './insist.js';
import { firstVariant, losing, purpose, variants, workflows, type Variant } from './scaled-catalogue.js';
import type { ScaledWorld } from './scaled-world.js';
import type { Surface } from './surface.js';

const madeKey = z.object({ id: z.string(), key: z.string() });

/** What changes under the requests: suspensions come and go, runs end, owners and catalogues change, keys are revoked. */
export class Disturbances {
  #withdrawn: readonly Closure[] = [];
  #variant = 0;

  constructor(
    private readonly drills: Drills,
    private readonly world: ScaledWorld,
    private readonly surface: Surface,
    private readonly chronicle: Chronicle,
    private readonly families: Families,
  ) {}

  /** Each of them over and over until `over`. */
  async go(over: () => boolean): Promise<void> {
    const again = async (task: () => Promise<unknown>, pause: number): Promise<void> => {
      while (!over()) {
        await task();
        await wait(pause * (0.5 + Math.random()));
      }
    };
    await Promise.all([
      again(() => this.drills.suspend(10 * Math.random()), 150),
      again(() => this.drills.suspend(40 * Math.random(), 'run'), 250),
      again(() => this.changeCatalogue(), 300),
      again(() => this.#generation(), 400),
      again(() => this.#useAndRevokeKey(), 500),
    ]);
  }

  async changeCatalogue(variant: Variant = this.#nextVariant()): Promise<void> {
    const source = this.world.catalogue(variant);
    const step = { begun: this.chronicle.now(), acknowledged: null as number | null };
    this.chronicle.owners.push({ step, owners: new Map(workflows.map((workflow) => [workflow, variant.owner])) });
    const apply = async () => this.surface.api(anyReplica(), 'POST', '/v1/apply', { source });
    const applied = async (): Promise<{ status: number; body: Record<string, unknown> }> => {
      await insist(async () => (await apply())?.status === 200);
      return { status: 200, body: {} };
    };
    if (!variant.reachesFiles) {
      this.#withdrawn = (await this.chronicle.closes([{ kind: 'withdrawn resource', target: `${losing} files` }], applied)).closures;
    } else {
      await this.chronicle.opens(this.#withdrawn, applied);
      this.#withdrawn = [];
    }
    step.acknowledged = this.chronicle.now();
  }

  #nextVariant(): Variant {
    return variants[++this.#variant % variants.length] ?? firstVariant;
  }

  async #generation(): Promise<void> {
    await this.families.bear(anyReplica());
    if (this.families.count > 4) await this.families.bury(anyReplica(), () => wait(100));
  }

  /** Runs are started with it at all replicas, before it is revoked and after. */
  async #useAndRevokeKey(): Promise<void> {
    const wish = { name: 'drill', roles: ['runtime'], runtime: 'ci' };
    const made = await this.chronicle.answer(nothing, () => this.surface.api(anyReplica(), 'POST', '/v1/keys', wish));
    if (made?.status !== 201) return;
    const { id, key } = madeKey.parse(made.body);
    let going = true;
    const subject = { ...nothing, key: id };
    const use = async (replica: number): Promise<void> => {
      while (going) {
        const wish = { workflow: 'index', purpose, ttl: 1 };
        await this.chronicle.answer(subject, () => this.surface.api(replica, 'POST', '/v1/runs', wish, key));
      }
    };
    const using = Promise.all([0, 1, 2].map(use));
    await wait(40);
    await this.chronicle.closes([{ kind: 'revoked key', target: id }], () => this.surface.api(anyReplica(), 'DELETE', `/v1/keys/${id}`));
    await wait(40);
    going = false;
    await using;
  }
}
