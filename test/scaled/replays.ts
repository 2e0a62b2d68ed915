import { randomUUID } from 'node:crypto';
import { assertionOf, present, startKeyedRun } from './assertions.js';
import { isStarved, patiently } from './patience.js';
import type { ScaledWorld } from './scaled-world.js';
import { purpose } from './scaled-catalogue.js';
import { errorOf, type Asked, type Surface } from './surface.js';

const TIMES = 200;
const turnedAway = new Set(['invalid_client', 'slow_down', 'assertion_refused', 'too_many_attempts']);

export interface Replayed {
  readonly presented: number;
  readonly accepted: number;
  /** Answers that say no more than that no evaluation of the policy came in time: one of them may have been to whoever spent it. */
  readonly starved: number;
  /** Answers that are none of that, nor a refusal of the assertion. */
  readonly others: readonly unknown[];
}

/** The same assertion many times at once, at all replicas. */
export async function replay({ issuer }: ScaledWorld, surface: Surface, key: string): Promise<Replayed> {
  return presentAll(surface, await assertionOf(await startKeyedRun(surface, 0, key), issuer));
}

async function presentAll(
  surface: Surface,
  assertion: string,
  ask: (replica: number, turn: number) => Promise<Asked> = (replica) => present(surface, replica, assertion),
): Promise<Replayed> {
  const asked = await Promise.all(Array.from({ length: TIMES }, (_, turn) => ask(turn % 3, Math.floor(turn / 3))));
  return {
    presented: TIMES,
    accepted: asked.filter(({ sha256 }) => sha256 !== null).length,
    starved: asked.filter(isStarved).length,
    others: asked
      .filter((each) => each.sha256 === null && !isStarved(each) && !turnedAway.has(errorOf(each.answer)))
      .map(({ answer }) => answer),
  };
}

export interface Reused extends Replayed {
  /** How many runs there are for what the token names. */
  readonly runs: number;
}

/** The first token of a pod many times at once, at all replicas: it may be used until it expires, and starts one run. */
export async function reuse(world: ScaledWorld, surface: Surface): Promise<Reused> {
  const id = randomUUID();
  const token = await world.platforms.tokenOfPod({ workflow: 'index', purpose, id }, world.issuer);
  const ask = (replica: number): Promise<Asked> => patiently(() => present(surface, replica, token));
  return { ...(await presentAll(surface, token, ask)), runs: await world.runsOfPlatform('cluster', id) };
}

/** The token of a job many times at once, at all replicas, at the token endpoint and to be exchanged in turns: it is spent at one of them. */
export async function spendOnce(world: ScaledWorld, surface: Surface): Promise<Reused> {
  const id = randomUUID();
  const job = { workflow: 'index', purpose, agent: 'reader', operator: 'ada@example.com', id } as const;
  const token = await world.platforms.tokenOfJob(job, world.issuer);
  const exchange = async (replica: number): Promise<Asked> => {
    const answer = await surface.api(replica, 'POST', '/v1/runs', { ttl: 3000 }, token);
    return { answer, sha256: answer?.status === 201 ? 'a run' : null, entry: null };
  };
  const all = await presentAll(surface, token, (replica, turn) => (turn % 2 === 0 ? present(surface, replica, token) : exchange(replica)));
  return { ...all, runs: await world.runsOfPlatform('jobs', id) };
}

/** What became of an attempt of which no evaluation of the policy came in time. */
export const STARVED = 'no evaluation in time';

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

function outcome(asked: Asked): string {
  if (isStarved(asked)) return STARVED;
  return asked.sha256 === null ? errorOf(asked.answer) || 'no answer' : 'a token';
}
