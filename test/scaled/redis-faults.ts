import type { Random } from '../rig/seeded-random.js';
import type { TestRedis } from '../rig/redis.js';
import type { CuttableWire } from './cuttable-wire.js';

/** What befalls Redis, for as long as somebody lets it. */
export interface RedisFault {
  readonly what: string;
  readonly hurt: () => Promise<void> | void;
  readonly heal: () => Promise<void> | void;
}

/** Why requests fail that do not fail for loss of Redis: for the changes under them, or for want of a core. */
export const notForRedis = /changes too often|others change the same facts|facts could not be changed|the policy gave no answer/;

/**
 * What a round and its repetition both gave as reasons without the fault explaining it: what is for loss of Redis comes again, what a
 * disk brings that is slow for a moment does not. Where all is explained there is no repetition.
 */
export async function recurring(
  explained: RegExp,
  round: () => Promise<{ readonly reasons: ReadonlyMap<string, number> }>,
): Promise<readonly string[]> {
  const strange = async (): Promise<readonly string[]> => [...(await round()).reasons.keys()].filter((reason) => !explained.test(reason));
  const first = await strange();
  if (first.length === 0) return first;
  const again = await strange();
  return first.filter((reason) => again.includes(reason));
}

/** Each of them; `wires`: those by which the replicas reach Redis, each a wire of its own. */
export function redisFaults(redis: TestRedis, wires: readonly CuttableWire[], random: Random): readonly RedisFault[] {
  const partOf = (parted: readonly CuttableWire[]): Pick<RedisFault, 'hurt' | 'heal'> => ({
    hurt: () => parted.forEach((wire) => wire.swallow()),
    heal: () => parted.forEach((wire) => wire.carry()),
  });
  const cut = (): void => wires.forEach((wire) => wire.cut());
  const one = Math.floor(random() * wires.length);
  return [
    { what: 'Redis killed', hurt: () => redis.kill(), heal: () => redis.restart() },
    { what: 'Redis frozen', hurt: () => redis.freeze(), heal: () => redis.thaw() },
    { what: 'Redis flushed', hurt: () => redis.flush(), heal: () => undefined },
    { what: 'Redis full', hurt: () => redis.fill(), heal: () => redis.makeRoom() },
    { what: 'Redis cut off', hurt: cut, heal: cut },
    { what: 'Redis partitioned from all replicas', ...partOf(wires) },
    { what: `Redis partitioned from replica ${one}`, ...partOf(wires.slice(one, one + 1)) },
  ];
}
