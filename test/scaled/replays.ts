import { randomUUID } from 'node:crypto';
import { assertionOf, present, startKeyedRun } from './assertions.js';
import type { ScaledWorld } from './scaled-world.js';
import { errorOf, type Surface } from './surface.js';

const TIMES = 200;
const turnedAway = new Set(['invalid_client', 'slow_down']);

export interface Replayed {
  readonly presented: number;
  readonly accepted: number;
  /** Answers that are neither a token nor a refusal of the assertion. */
  readonly others: readonly unknown[];
}

/** The same assertion many times at once, at all replicas. */
export async function replay({ issuer }: ScaledWorld, surface: Surface, key: string): Promise<Replayed> {
  const assertion = await assertionOf(await startKeyedRun(surface, 0, key), issuer);
  const asked = await Promise.all(Array.from({ length: TIMES }, (_, index) => present(surface, index, assertion)));
  return {
    presented: TIMES,
    accepted: asked.filter(({ sha256 }) => sha256 !== null).length,
    others: asked.filter(({ answer, sha256 }) => sha256 === null && !turnedAway.has(errorOf(answer))).map(({ answer }) => answer),
  };
}

/** Tries to spend the `jti` of a run's assertion before the run does, in every way that others have. Gives what each brought. */
export async function burn({ issuer }: ScaledWorld, surface: Surface, key: string): Promise<Readonly<Record<string, string>>> {
  const [run, other] = await Promise.all([startKeyedRun(surface, 1, key), startKeyedRun(surface, 2, key)]);
  const jti = randomUUID();
  const good = await assertionOf(run, issuer, { jti });
  const [head = '', claims = ''] = good.split('.');
  const forged = await assertionOf({ ...run, privateKey: other.privateKey }, issuer, { jti });
  const attempts: Readonly<Record<string, string>> = {
    'without a signature': `${head}.${claims}.`,
    'signed with another key': forged,
    'for another audience': await assertionOf(run, issuer, { jti, audience: 'https://elsewhere.example' }),
    expired: await assertionOf(run, issuer, { jti, expiresIn: -120 }),
  };
  const brought: Record<string, string> = {};
  for (const [index, [name, assertion]] of Object.entries(attempts).entries())
    brought[name] = outcome(await present(surface, index, assertion));
  brought['the same jti by another run'] = outcome(await present(surface, 0, await assertionOf(other, issuer, { jti })));
  brought['the run itself'] = outcome(await present(surface, 1, good));
  brought['the run itself, again elsewhere'] = outcome(await present(surface, 2, good));
  return brought;
}

function outcome({ answer, sha256 }: Awaited<ReturnType<typeof present>>): string {
  return sha256 === null ? errorOf(answer) || 'no answer' : 'a token';
}
