import { setTimeout as wait } from 'node:timers/promises';
import { z } from 'zod';
import type { Chronicle } from './chronicle.js';
import { pick, type Families } from './families.js';
import type { Closure } from './history.js';
import { kinds } from './kinds.js';
import { clientOf, firstVariant, losing, purpose, variants, workflows, type Variant } from './scaled-catalogue.js';
import type { ScaledWorld } from './scaled-world.js';
import type { Surface } from './surface.js';

const raised = z.object({ id: z.string(), exposure: z.array(z.object({ issuance: z.string() })) });
const listed = z.object({ suspensions: z.array(z.object({ id: z.string() })) });
const madeKey = z.object({ id: z.string(), key: z.string() });
const suspensionKinds = Object.keys(kinds).filter((kind) => kinds[kind]?.suspension !== undefined);

/** What changes under the requests: suspensions come and go, runs end, owners and catalogues change, keys are revoked. */
export class Disturbances {
  /** What the answer of each suspension listed, and how long it took. */
  readonly exposures = new Map<string, { readonly listed: ReadonlySet<string>; readonly took: number }>();
  readonly #held = new Set<readonly Closure[]>();
  #withdrawn: readonly Closure[] = [];
  #variant = 0;

  constructor(
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
      again(() => this.suspend(10 * Math.random()), 100),
      again(() => this.suspend(40 * Math.random()), 250),
      again(() => this.changeCatalogue(), 300),
      again(() => this.#generation(), 400),
      again(() => this.#useAndRevokeKey(), 500),
    ]);
  }

  /** Raises one of any kind and lifts it after so many milliseconds. Gives how long it took to be acknowledged, or null if it was not. */
  async suspend(
    hold: number,
    kind = pick(suspensionKinds),
    meanwhile?: () => Promise<void>,
    through: readonly number[] = [0, 1, 2],
  ): Promise<number | null> {
    const target = this.#targetOf(kind);
    const { closures, body } = await this.chronicle.closes([{ kind, target }], () =>
      this.surface.api(pick(through), 'POST', '/v1/suspensions', {
        kind,
        reason: 'a drill',
        ...(kind === 'everything' ? {} : { id: target }),
      }),
    );
    this.#held.add(closures);
    const [{ shut }] = closures as readonly [Closure];
    const took = (shut.acknowledged ?? NaN) - shut.begun;
    await wait(hold);
    await meanwhile?.();
    if (body === null) return null; // perhaps it was raised: `settle` finds it
    const { id, exposure } = raised.parse(body);
    this.exposures.set(id, { listed: new Set(exposure.map(({ issuance }) => issuance)), took });
    if (await this.chronicle.opens(closures, () => this.surface.api(anyReplica(), 'DELETE', `/v1/suspensions/${id}`)))
      this.#held.delete(closures);
    return took;
  }

  /** When all is quiet: lifts what is still there, whoever was told of it, so that nothing is in force any more. */
  async settle(): Promise<void> {
    await this.#insist(async () => {
      const answer = await this.surface.api(anyReplica(), 'GET', '/v1/suspensions');
      if (answer?.status !== 200) return false;
      const { suspensions } = listed.parse(answer.body);
      for (const { id } of suspensions) await this.surface.api(anyReplica(), 'DELETE', `/v1/suspensions/${id}`);
      return suspensions.length === 0;
    });
    const quiet = { status: 200, body: {} };
    for (const closures of this.#held) await this.chronicle.opens(closures, () => Promise.resolve(quiet));
    this.#held.clear();
  }

  async changeCatalogue(variant: Variant = this.#nextVariant()): Promise<void> {
    const source = this.world.catalogue(variant);
    const step = { begun: this.chronicle.now(), acknowledged: null as number | null };
    this.chronicle.owners.push({ step, owners: new Map(workflows.map((workflow) => [workflow, variant.owner])) });
    const apply = async () => this.surface.api(anyReplica(), 'POST', '/v1/apply', { source });
    const insist = async (): Promise<{ status: number; body: Record<string, unknown> }> => {
      await this.#insist(async () => (await apply())?.status === 200);
      return { status: 200, body: {} };
    };
    if (!variant.reachesFiles) {
      this.#withdrawn = (await this.chronicle.closes([{ kind: 'withdrawn resource', target: `${losing} files` }], insist)).closures;
    } else {
      await this.chronicle.opens(this.#withdrawn, insist);
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
    const made = await this.surface.api(anyReplica(), 'POST', '/v1/keys', { name: 'drill', roles: ['runtime'], runtime: 'ci' });
    if (made?.status !== 201) return;
    const { id, key } = madeKey.parse(made.body);
    let going = true;
    const subject = { runs: [], workflows: [], clients: [], resource: null, key: id };
    const use = async (replica: number): Promise<void> => {
      while (going) {
        await this.chronicle.call(subject, async () => {
          const answer = await this.surface.api(replica, 'POST', '/v1/runs', { workflow: 'index', purpose, ttl: 1 }, key);
          return { answer, sha256: null, entry: null };
        });
      }
    };
    const using = Promise.all([0, 1, 2].map(use));
    await wait(40);
    await this.chronicle.closes([{ kind: 'revoked key', target: id }], () => this.surface.api(anyReplica(), 'DELETE', `/v1/keys/${id}`));
    await wait(40);
    going = false;
    await using;
  }

  #targetOf(kind: string): string {
    const member = this.families.any();
    const workflow = pick(member.workflows);
    switch (kind) {
      case 'run':
        return pick(member.lineage);
      case 'client':
        return clientOf(workflow);
      case 'resource':
        return pick(['crm', 'files']);
      case 'everything':
        return kind;
      default:
        return workflow;
    }
  }

  async #insist(task: () => Promise<boolean>): Promise<void> {
    for (const until = performance.now() + 60_000; performance.now() < until; await wait(20)) if (await task()) return;
    throw new Error('it did not come to that within a minute');
  }
}

export function anyReplica(): number {
  return pick([0, 1, 2]);
}
