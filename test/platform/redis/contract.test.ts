import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { workKinds } from '../../../src/issuance/early-notice.js';
import type { SharedToken } from '../../../src/issuance/shared-tokens.js';
import type { Shared } from '../../../src/platform/redis/open-redis.js';
import { awake } from '../../rig/awake.js';
import { MemoryFlights, MemoryNotice, MemoryTokens, SharedMemory } from '../../rig/memory-shared.js';
import { startRedis } from '../../rig/redis.js';
import { clock, inUnhurriedRound, PATIENCE, sameKeys, tokenOf, until, viewOf } from './views.js';

type View = Pick<Shared, 'tokens' | 'flights' | 'notice' | 'health' | 'close'>;

const redis = await startRedis();
afterAll(async () => redis?.stop());

function viewOfMemory(memory: SharedMemory): View {
  return {
    tokens: new MemoryTokens(memory, clock),
    flights: new MemoryFlights(memory, PATIENCE),
    notice: new MemoryNotice(memory),
    health: { up: true, failures: 0 },
    close: async () => undefined,
  };
}

/** Each gives the views of two processes over the same. */
const implementations: readonly (readonly [string, () => Promise<readonly [View, View]>])[] = [
  [
    'memory',
    async () => {
      const memory = new SharedMemory();
      return [viewOfMemory(memory), viewOfMemory(memory)];
    },
  ],
  // startRedis says aloud why there is none
  ...(redis === null
    ? []
    : [
        [
          `Redis ${redis.version}`,
          async () => {
            const keys = sameKeys();
            return [await viewOf(redis.url, keys), await viewOf(redis.url, keys)] as const;
          },
        ] as const,
      ]),
];

/** Any word may be lost, on a machine that has other things to do: it is said until it is heard. */
async function tell(from: View, to: View, token: () => SharedToken, key = 'a'): Promise<void> {
  await until(async () => {
    from.tokens.put(key, token());
    return (await to.tokens.find(key)) !== null;
  });
}

describe.each(implementations)('what processes share in %s', (_name, open) => {
  let one: View;
  let other: View;
  beforeEach(async () => {
    [one, other] = await open();
  });
  afterEach(() => Promise.all([one.close(), other.close()]));
  const inRound = (round: (key: string) => Promise<void>): Promise<void> => inUnhurriedRound([one.health, other.health], round);

  describe('tokens', () => {
    it('are found by another process as they were put, under their key alone', async () => {
      const token = tokenOf({ grantedDetails: '[{"type":"payment"}]' });
      await inRound(async (key) => {
        await tell(one, other, () => token, key);
        const { text, ...found } = (await other.tokens.find(key)) ?? tokenOf();
        expect(text.reveal()).toBe(token.text.reveal());
        expect(found).toEqual({ ...token, text: undefined });
        expect(await other.tokens.find('b')).toBeNull();
      });
    });

    it('whose audience is unknown are found so', async () => {
      await inRound(async (key) => {
        await tell(one, other, () => tokenOf({ audience: 'unverified', tokenJti: null }), key);
        expect(await other.tokens.find(key)).toMatchObject({ audience: 'unverified', tokenJti: null });
      });
    });

    it('are found by nobody once they may be served no longer', async () => {
      await tell(one, other, () => tokenOf({ servedUntil: clock.now() + 250 }));
      await delay(260);
      expect([await one.tokens.find('a'), await other.tokens.find('a')]).toEqual([null, null]);
    });

    it('that were dropped are found by nobody, and by who dropped them not even when they are put again', async () => {
      await tell(one, other, tokenOf);
      await until(async () => {
        one.tokens.drop('a', 'iss01');
        return (await other.tokens.find('a')) === null;
      });
      await tell(other, other, tokenOf);
      expect(await one.tokens.find('a')).toBeNull();
      await tell(other, one, () => tokenOf({ issuance: 'iss02' }));
    });
  });

  describe('flights', () => {
    it('run one task of those that are wanted at once, and others find what it brought', async () => {
      await inRound(async (key) => {
        let begun = 0;
        let brought: string | null = null;
        const look = async (): Promise<string | null> => brought;
        const task = async (): Promise<string> => {
          begun++;
          await delay(60);
          return (brought = 'a token');
        };
        const views = [one, other, one, other];
        expect(await Promise.all(views.map(({ flights }) => flights.run(key, look, task)))).toEqual(views.map(() => 'a token'));
        expect(begun).toBe(1);
      });
    });

    it('of other keys do not wait', async () => {
      const order: string[] = [];
      const flight = (view: View, key: string, lasts: number): Promise<string> =>
        view.flights.run(
          key,
          async () => null,
          async () => {
            await delay(lasts);
            order.push(key);
            return key;
          },
        );
      await Promise.all([flight(one, 'slow', 150), flight(other, 'quick', 0)]);
      expect(order).toEqual(['quick', 'slow']);
    });

    it('give their turn to the next when they fail, or find something', async () => {
      await inRound(async (key) => {
        const failing = one.flights.run(
          key,
          async () => null,
          () => Promise.reject(new Error('no token')),
        );
        await expect(failing).rejects.toThrow('no token');
        expect(
          await other.flights.run(
            key,
            async () => 'found',
            async () => 'asked',
          ),
        ).toBe('found');
        const began = awake();
        expect(
          await one.flights.run(
            key,
            async () => null,
            async () => 'asked',
          ),
        ).toBe('asked');
        expect(awake() - began).toBeLessThan(PATIENCE / 2);
      });
    });

    it('go on alone when another keeps its turn for too long', async () => {
      await inRound(async (key) => {
        let end: (text: string) => void = () => undefined;
        const endless = new Promise<string>((resolve) => (end = resolve));
        const began = performance.now();
        const first = one.flights.run(
          key,
          async () => null,
          () => endless,
        );
        await delay(20);
        try {
          expect(
            await other.flights.run(
              key,
              async () => null,
              async () => 'alone',
            ),
          ).toBe('alone');
          expect(performance.now() - began).toBeGreaterThan(PATIENCE / 2);
        } finally {
          end('at last');
        }
        expect(await first).toBe('at last');
      });
    });
  });

  describe('notice', () => {
    it('of facts comes to every process', async () => {
      const heard = { one: 0, other: 0 };
      one.notice.onFacts(() => heard.one++);
      other.notice.onFacts(() => heard.other++);
      await delay(200); // a connection counts as a notice
      const before = { ...heard };
      await until(() => {
        one.notice.factsChanged();
        return heard.one > before.one && heard.other > before.other;
      });
    });

    it('of work comes to a process that does such work, when it is due', async () => {
      const heard: string[] = [];
      for (const kind of workKinds) one.notice.onWork(kind, () => heard.push(kind));
      await until(() => {
        other.notice.workLeft('revocations');
        return heard.length > 0;
      });
      const said = performance.now();
      await until(() => {
        if (performance.now() - said < 300) other.notice.workLeft('rotations', 700);
        return heard.includes('rotations');
      });
      expect(performance.now() - said).toBeGreaterThan(600);
      expect(new Set(heard)).toEqual(new Set(['revocations', 'rotations']));
    });
  });
});
