import { once } from 'node:events';
import net from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Journal } from '../../src/platform/journal.js';
import { BoundedRedis } from '../../src/platform/redis/bounded-redis.js';
import { RedisFlights } from '../../src/platform/redis/redis-flights.js';
import { RedisNames } from '../../src/platform/redis/redis-names.js';
import { awake } from '../rig/awake.js';
import { freePort } from '../rig/corridor.js';
import { deafListener } from '../rig/deaf-listener.js';
import { startRedis, type TestRedis } from '../rig/redis.js';
import { CuttableWire } from '../scaled/cuttable-wire.js';
import { inUnhurriedRound, randomness, sameKeys, tokenOf, until, viewOf, type View } from '../platform/redis/views.js';

const server = await startRedis();
afterAll(async () => server?.stop());

/** Milliseconds awake: many times what a request may wait, and less than whoever waits for Redis does. */
const BOUND = 600;

/** Milliseconds awake: a start waits for Redis for one second, and an end for less. */
const START_BOUND = 3_000;

/** What the operator read, in order. */
const eventsOf = ({ lines }: View): readonly unknown[] => lines.map((line) => (JSON.parse(line) as { event: unknown }).event);

/**
 * That Redis was lost, and that it was back, in turns: where the machine has other things to do, more than once. What is well may just be
 * lost again for a moment.
 */
async function expectTurns(view: View, last: 'redis_lost' | 'redis_back'): Promise<void> {
  if (last === 'redis_back') await until(() => eventsOf(view).at(-1) === last);
  const events = eventsOf(view);
  expect(events).toEqual(events.map((_, index) => (index % 2 === 0 ? 'redis_lost' : 'redis_back')));
  expect(events.at(-1)).toBe(last);
  expect(events.length).toBeLessThan(8);
}

async function put(view: View, key: string): Promise<void> {
  await until(async () => {
    view.tokens.put(key, tokenOf());
    return (await view.tokens.find(key)) !== null;
  });
}

/** Every answer comes so many milliseconds late. */
async function slowWire(to: number, by: number): Promise<{ readonly port: number; close(): void }> {
  const sockets = new Set<net.Socket>();
  const wire = net.createServer((client) => {
    const server = net.connect(to, '127.0.0.1');
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => other.destroy());
    }
    client.pipe(server);
    server.on('data', (bytes) => setTimeout(() => client.write(bytes), by));
  });
  wire.listen(0, '127.0.0.1');
  await once(wire, 'listening');
  const address = wire.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    close: () => {
      for (const socket of sockets) socket.destroy();
      wire.close();
    },
  };
}

/** Asks for everything that a request may ask for, and gives the longest that anything took, in milliseconds awake. */
async function use(view: View): Promise<number> {
  let longest = 0;
  for (let round = 0; round < 8; round++) {
    const began = awake();
    view.tokens.put('b', tokenOf());
    view.notice.factsChanged();
    view.notice.workLeft('revocations');
    await view.tokens.find('b');
    const found = await view.flights.run(
      'b',
      async () => null,
      async () => 'asked',
    );
    expect(found).toBe('asked');
    longest = Math.max(longest, (awake() - began) / 2); // it looked for a token, and for its turn
  }
  return longest;
}

/** Whoever asks a Redis that is lost anything fails, and is counted. */
async function useUnasked(view: View): Promise<void> {
  for (let turn = 0; turn < 2; turn++) await delay(50); // what was asked before it was lost is given up by then
  const { failures } = view.health;
  expect(await use(view)).toBeLessThan(BOUND);
  expect(view.health).toMatchObject({ up: false, failures });
}

// startRedis says aloud why there is none
(server === null ? describe.skip : describe)('a Redis that is', () => {
  const redis = server as TestRedis;
  let view: View;
  beforeEach(async () => {
    view = await viewOf(redis.url);
    await put(view, 'a');
  });
  afterEach(() => view.close());

  const faults: readonly (readonly [string, () => Promise<void> | void, () => Promise<void> | void])[] = [
    ['killed', () => redis.kill(), () => redis.restart()],
    ['frozen', () => redis.freeze(), () => redis.thaw()],
    ['full', () => redis.fill(), () => redis.makeRoom()],
  ];
  it.each(faults)(
    '%s holds nobody up, is left alone, and is used again when it is well',
    async (_fault, hurt, heal) => {
      const failures = view.health.failures;
      const woken = new Set<string>();
      view.notice.onFacts(() => woken.add('facts'));
      view.notice.onWork('revocations', () => woken.add('work'));
      await hurt();
      try {
        expect(await use(view)).toBeLessThan(BOUND);
        await until(() => !view.health.up);
        expect(view.health.failures).toBeGreaterThan(failures);
        await useUnasked(view);
        await expectTurns(view, 'redis_lost');
      } finally {
        await heal();
      }
      await until(() => view.health.up);
      await put(view, 'c');
      await expectTurns(view, 'redis_back');
      woken.clear();
      await until(() => {
        view.notice.workLeft('revocations');
        view.notice.factsChanged();
        return woken.size === 2;
      });
    },
    150_000,
  );

  it('slow is left alone', async () => {
    const wire = await slowWire(Number(new URL(redis.url).port), 250);
    const far = await viewOf(`redis://127.0.0.1:${wire.port}`);
    try {
      expect(await use(far)).toBeLessThan(BOUND);
      await until(() => !far.health.up);
      await useUnasked(far);
      await expectTurns(far, 'redis_lost');
    } finally {
      await far.close();
      wire.close();
    }
  });

  it('swallowed by the network holds nobody up, is left alone, and is used again when it is heard', async () => {
    const wire = await CuttableWire.to(redis.url);
    const far = await viewOf(wire.url);
    try {
      await put(far, 'a');
      const failures = far.health.failures;
      wire.swallow();
      expect(await use(far)).toBeLessThan(BOUND);
      await until(() => !far.health.up);
      expect(far.health.failures).toBeGreaterThan(failures);
      expect(far.lines.at(-1)).toMatch(/"redis_lost","why":"no answer within 40 ms"/);
      await delay(6_500); // until it has given up the connection, too, and another one is swallowed
      await useUnasked(far);
      await expectTurns(far, 'redis_lost');
      wire.carry();
      await until(() => far.health.up);
      await expectTurns(far, 'redis_back');
      await put(far, 'b');
    } finally {
      await far.close();
      await wire.close();
    }
  }, 60_000);

  it('swallowed from the start is waited for a second, and used when it is heard', async () => {
    const wire = await CuttableWire.to(redis.url);
    wire.swallow();
    const began = awake();
    const far = await viewOf(wire.url);
    try {
      expect(awake() - began).toBeLessThan(START_BOUND);
      expect(eventsOf(far)).toEqual(['redis_lost']);
      expect(await use(far)).toBeLessThan(BOUND);
      wire.carry();
      await until(() => far.health.up);
      await expectTurns(far, 'redis_back');
      await put(far, 'b');
    } finally {
      const closing = awake();
      wire.swallow();
      await far.close();
      expect(awake() - closing).toBeLessThan(START_BOUND);
      await wire.close();
    }
  }, 60_000);

  it('flushed has forgotten, and goes on', async () => {
    await redis.flush();
    expect(await view.tokens.find('a')).toBeNull();
    await use(view);
    await put(view, 'b');
  });

  it('not there at the start is said aloud, and used when it comes', async () => {
    await redis.kill();
    const early = await viewOf(redis.url);
    try {
      expect(eventsOf(early)).toEqual(['redis_lost']);
      expect(await use(early)).toBeLessThan(BOUND);
      await redis.restart();
      await until(() => early.health.up);
      await expectTurns(early, 'redis_back');
    } finally {
      await early.close();
    }
  }, 60_000);

  it('read by others tells them nothing: neither token nor key, and to another Corridor nothing at all', async () => {
    const keys = sameKeys();
    const mine = await viewOf(redis.url, keys);
    const sameKeyFile = await viewOf(redis.url, keys);
    const foreign = await viewOf(redis.url, { ...sameKeys(), digestKey: keys.digestKey });
    const connection = redis.connect();
    try {
      const token = tokenOf();
      await until(async () => {
        mine.tokens.put('the cache key', token);
        return (await sameKeyFile.tokens.find('the cache key')) !== null;
      });
      const names = await connection.keys('corridor:*:token:*');
      const held = await Promise.all(names.map(async (name) => name + (await connection.getBuffer(name))?.toString('latin1')));
      expect(held.length).toBeGreaterThan(0);
      for (const text of held) {
        for (const secret of [token.text.reveal(), 'the cache key', token.issuance]) expect(text).not.toContain(secret);
      }
      // sealed with another key, and copied to another place: nothing, and no error
      expect(await foreign.tokens.find('the cache key')).toBeNull();
      const [place] = names.filter((_, index) => held[index]?.length !== 0);
      await put(mine, 'another');
      const other = (await connection.keys('corridor:*:token:*')).find((name) => !names.includes(name)) ?? '';
      await connection.copy(place ?? '', other, 'REPLACE');
      expect(await mine.tokens.find('another')).toBeNull();
    } finally {
      await Promise.all([mine.close(), sameKeyFile.close(), foreign.close()]);
    }
  });

  it('slow to end a turn lets the next have it, which the first does not take away when it ends', async () => {
    const names = new RedisNames(sameKeys().digestKey);
    const bounded = new BoundedRedis(redis.url, names.probe, new Journal(() => undefined));
    await bounded.open();
    const flights = new RedisFlights(bounded, names, randomness, { lease: 2_000, patience: 3_000 });
    try {
      await inUnhurriedRound([bounded], async (key) => {
        const told: string[] = [];
        const flight = (name: string, lasts: number): Promise<string> =>
          flights.run(
            key,
            async () => null,
            async () => {
              told.push(`${name} begins`);
              await delay(lasts);
              told.push(`${name} ends`);
              return name;
            },
          );
        const first = flight('first', 3_000);
        const second = delay(50).then(() => flight('second', 1_500));
        await first;
        await Promise.all([second, flight('third', 0)]);
        // the second waits until the time of the first is over, and the third for the second, though the first has ended meanwhile
        expect(told).toEqual(['first begins', 'second begins', 'first ends', 'second ends', 'third begins', 'third ends']);
      });
    } finally {
      await bounded.close();
    }
  }, 60_000);
});

describe('a Redis that is too old', () => {
  it('is refused in words, and nothing waits for it', async () => {
    const port = await freePort();
    const old = net.createServer((socket) => {
      const info = '# Server\r\nredis_version:5.0.14\r\nloading:0\r\n';
      socket.on('error', () => undefined);
      socket.on('data', (bytes) => {
        for (const [command] of bytes.toString().matchAll(/\$\d+\r\n(hello|info|set|client|ping|publish|get)\r\n/gi)) {
          socket.write(
            /info/i.test(command) ? `$${info.length}\r\n${info}\r\n` : /hello/i.test(command) ? '-ERR unknown command\r\n' : '+OK\r\n',
          );
        }
      });
    });
    old.listen(port, '127.0.0.1');
    await once(old, 'listening');
    const view = await viewOf(`redis://127.0.0.1:${port}`);
    try {
      expect(view.lines.join('')).toContain('Corridor needs Redis 6.2 or later; the server of CORRIDOR_REDIS_URL is 5.0.14');
      expect(await use(view)).toBeLessThan(BOUND);
      await delay(50);
      expect([view.health.up, eventsOf(view)]).toEqual([false, ['redis_lost']]);
    } finally {
      await view.close();
      old.close();
    }
  });
});

describe('a Redis to which no connection opens', () => {
  it('is waited for a second, said aloud once, and holds nobody up', async () => {
    const deaf = await deafListener();
    if (deaf === null) {
      process.stderr.write('\n*** Here a connection opens although nobody listens, so what it would show stays unshown.\n\n');
      return;
    }
    const began = awake();
    const view = await viewOf(`redis://127.0.0.1:${deaf.port}`);
    try {
      expect(awake() - began).toBeLessThan(START_BOUND);
      expect(await use(view)).toBeLessThan(BOUND);
      await delay(5_000); // it has tried again meanwhile
      await useUnasked(view);
      expect([view.health.up, eventsOf(view)]).toEqual([false, ['redis_lost']]);
    } finally {
      await view.close();
      deaf.close();
    }
  }, 60_000);
});
