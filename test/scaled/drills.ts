import { setTimeout as wait } from 'node:timers/promises';
import { z } from 'zod';
import type { Chronicle } from './chronicle.js';
import { pick, subjectOf, type Families } from './families.js';
import type { Closure } from './history.js';
import { anyReplica, insist } from './insist.js';
import { kinds, suspensionKinds } from './kinds.js';
import { owners } from './scaled-catalogue.js';
import type { Surface } from './surface.js';

const exposed = z.object({ exposure: z.array(z.object({ issuance: z.string() })), next: z.string().nullable() });
const raised = exposed.extend({ id: z.string() });
const listed = z.object({ suspensions: z.array(z.object({ id: z.string(), reason: z.string() })) });

/** Suspensions that come and go, of all kinds. */
export class Drills {
  /** What the answer of each listed, and how long it took. */
  readonly exposures = new Map<string, { readonly listed: ReadonlySet<string>; readonly took: number }>();
  readonly #held = new Set<readonly Closure[]>();
  #count = 0;

  constructor(
    private readonly surface: Surface,
    private readonly chronicle: Chronicle,
    private readonly families: Families,
  ) {}

  /** Raises one of any kind and lifts it after so many milliseconds. Gives how long it took to be acknowledged, or null if it was not. */
  async suspend(
    hold: number,
    kind = pick(suspensionKinds),
    meanwhile?: () => Promise<void>,
    through: readonly number[] = [0, 1, 2],
  ): Promise<number | null> {
    const target = this.#targetOf(kind);
    const reason = `drill ${++this.#count}`;
    const wish = { kind, reason, ...(kind === 'everything' ? {} : { id: target }) };
    const { closures, body } = await this.chronicle.closes([{ kind, target }], () =>
      this.surface.api(pick(through), 'POST', '/v1/suspensions', wish),
    );
    this.#held.add(closures);
    const [{ shut }] = closures as readonly [Closure];
    const took = (shut.acknowledged ?? NaN) - shut.begun;
    await wait(hold);
    await meanwhile?.();
    const id = body === null ? await this.#idOf(reason) : await this.#raised(body, took);
    if (id !== null) {
      await this.chronicle.opens(closures, () => this.#lift(id));
      this.#held.delete(closures);
    }
    return body === null ? null : took;
  }

  /** When all is quiet: lifts what is still there, whoever was told of it, so that nothing is in force any more. */
  async settle(): Promise<void> {
    for (const { id } of await this.#list()) await this.#lift(id);
    const quiet = { status: 200, body: {} };
    for (const closures of this.#held) await this.chronicle.opens(closures, () => Promise.resolve(quiet));
    this.#held.clear();
  }

  /** The answer lists the first of what it found; the rest is read page by page. */
  async #raised(body: unknown, took: number): Promise<string> {
    const { id, exposure, next } = raised.parse(body);
    const issuances = new Set(exposure.map(({ issuance }) => issuance));
    for (let cursor = next; cursor !== null;) {
      const answer = await this.surface.api(anyReplica(), 'GET', `/v1/suspensions/${id}?cursor=${encodeURIComponent(cursor)}`);
      if (answer?.status !== 200) {
        await wait(50);
        continue;
      }
      const page = exposed.parse(answer.body);
      for (const { issuance } of page.exposure) issuances.add(issuance);
      cursor = page.next;
    }
    this.exposures.set(id, { listed: issuances, took });
    return id;
  }

  /** Of one whose answer was lost; null when it is not there, or not yet: `settle` finds it then. */
  async #idOf(reason: string): Promise<string | null> {
    const all = await this.#list();
    return all.find((suspension) => suspension.reason === reason)?.id ?? null;
  }

  async #list(): Promise<z.infer<typeof listed>['suspensions']> {
    for (;;) {
      const answer = await this.surface.api(anyReplica(), 'GET', '/v1/suspensions');
      if (answer?.status === 200) return listed.parse(answer.body).suspensions;
      await wait(50);
    }
  }

  /** Until it is lifted; when an answer was lost, it may have been lifted before. */
  async #lift(id: string): Promise<{ status: number; body: Record<string, unknown> }> {
    await insist(async () => {
      const answer = await this.surface.api(anyReplica(), 'DELETE', `/v1/suspensions/${id}`);
      return answer !== null && [200, 404, 409].includes(answer.status);
    });
    return { status: 200, body: {} };
  }

  /** A pod has no operator: then somebody is stopped who started nothing. */
  #targetOf(kind: string): string {
    if (kind === 'owner') return pick(owners);
    const targets = kinds[kind]?.targets(subjectOf(this.families.any(), pick(['crm', 'files']))) ?? [];
    return pick(targets.length > 0 ? targets : ['nobody@example.com']);
  }
}
