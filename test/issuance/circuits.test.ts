import { beforeEach, describe, expect, it } from '@jest/globals';
import { Circuits, type Kept, type Report, type Turn } from '../../src/issuance/circuits.js';

const pair = 'demo indexer';
const down: Report = { fault: 'unreachable', retryAfter: null };
const slow: Report = { fault: 'timeout', retryAfter: null };
const broken: Report = { fault: 'server_unavailable', retryAfter: null };

let now: number;
let random: number;
let circuits: Circuits;
beforeEach(() => {
  now = 1_000_000;
  random = 0;
  circuits = new Circuits(
    { now: () => now },
    { bytes: (length) => new Uint8Array(length).fill(random) },
    { atOnce: 8, waiting: 4, patience: 5_000 },
  );
});

async function turn(name = pair): Promise<Turn> {
  const entered = await circuits.enter(name);
  if (entered.kind === 'kept') throw new Error(`kept away: ${entered.by}`);
  return entered;
}
async function attempt(report: Report | null, name = pair): Promise<number | null> {
  return (await turn(name)).ended(report);
}
async function fail(times: number, report: Report): Promise<(number | null)[]> {
  const opened = [];
  for (let time = 0; time < times; time++) opened.push(await attempt(report));
  return opened;
}
const kept = (fault: Report['fault'], retryAfter: number, by: Kept['by'] = 'circuit'): Kept => ({ kind: 'kept', by, fault, retryAfter });

describe('the circuit of a server and a client (A66)', () => {
  it.each([down, slow, broken])('opens after five failures in a row: %j', async (report) => {
    expect(await fail(5, report)).toEqual([null, null, null, null, 1]);
    expect(await circuits.enter(pair)).toEqual(kept(report.fault, 1));
    expect(circuits.isFree(pair)).toBe(false);
    await attempt(null, 'demo another');
  });

  it.each(['scope_rejected', 'target_rejected', 'request_rejected', 'scope_broader', 'audience_unverified'] as const)(
    'does not open for what one request is refused: %s',
    async (fault) => {
      expect(await fail(20, { fault, retryAfter: null })).toEqual(Array.from({ length: 20 }, () => null));
      expect(circuits.isFree(pair)).toBe(true);
    },
  );

  it('counts what follows each other: an answer begins anew', async () => {
    await fail(4, down);
    await attempt({ fault: 'scope_rejected', retryAfter: null });
    await fail(4, down);
    await attempt(null);
    expect(await fail(5, down)).toEqual([null, null, null, null, 1]);
  });

  it('lets one probe when its pause is over, and stays open for twice as long each time that it fails, up to 30 s', async () => {
    await fail(5, down);
    const pauses = [];
    for (let probe = 0; probe < 7; probe++) {
      now += 30_000;
      const probing = await turn();
      expect(await circuits.enter(pair)).toEqual(kept('unreachable', 1));
      expect(circuits.tryEnter(pair)).toEqual(kept('unreachable', 1));
      pauses.push(probing.ended(down));
    }
    expect(pauses).toEqual([2, 4, 8, 16, 30, 30, 30]);
    now += 30_000;
    await attempt(null);
    expect(circuits.isFree(pair)).toBe(true);
    expect(await fail(5, down)).toEqual([null, null, null, null, 1]);
  });

  it('probes again when a probe came to nothing', async () => {
    await fail(5, down);
    now += 1_000;
    (await turn()).abandoned();
    expect((await circuits.enter(pair)).kind).toBe('turn');
  });

  it('opens at once for as long as the server says, and no answer to what was sent before closes it (Q30)', async () => {
    const before = await turn();
    expect(await attempt({ fault: 'throttled', retryAfter: 120 })).toBe(120);
    expect(before.ended(null)).toBeNull();
    now += 119_000;
    expect(await circuits.enter(pair)).toEqual(kept('throttled', 1));
    now += 1_000;
    expect((await turn()).ended(null)).toBeNull();
    expect(circuits.isFree(pair)).toBe(true);
  });

  it('takes the longest of what the server says, in whatever order it comes', async () => {
    const [one, other] = [await turn(), await turn()];
    expect(one.ended({ fault: 'throttled', retryAfter: 60 })).toBe(60);
    expect(other.ended({ fault: 'throttled', retryAfter: 10 })).toBeNull();
    expect(await circuits.enter(pair)).toEqual(kept('throttled', 60));
  });

  it('opens for a second where a server throttles without a word', async () => {
    expect(await attempt({ fault: 'throttled', retryAfter: null })).toBe(1);
  });

  it('leaves a server that refuses our client alone for longer, up to two minutes (A68)', async () => {
    await fail(5, { fault: 'client_refused', retryAfter: null });
    const pauses = [];
    for (let probe = 0; probe < 8; probe++) {
      now += 120_000;
      pauses.push(await attempt({ fault: 'client_refused', retryAfter: null }));
    }
    expect(pauses).toEqual([2, 4, 8, 16, 32, 64, 120, 120]);
  });

  it('of ten attempts that fail at the same time is opened once', async () => {
    const turns = await Promise.all(Array.from({ length: 8 }, () => turn()));
    expect(turns.map((one) => one.ended(down))).toEqual([null, null, null, null, 1, null, null, null]);
    now += 1_000;
    expect(await attempt(down)).toBe(2);
  });

  it('is open up to a quarter longer, so that replicas do not probe together', async () => {
    random = 255;
    expect(await attempt({ fault: 'throttled', retryAfter: null })).toBe(2);
    now += 1_249;
    expect(await circuits.enter(pair)).toEqual(kept('throttled', 1));
    now += 1;
    expect((await circuits.enter(pair)).kind).toBe('turn');
  });
});

describe('the bound on attempts at the same time (A66)', () => {
  it('lets so many in, has so many wait in their order, and turns the rest away', async () => {
    const [first, ...others] = await Promise.all(Array.from({ length: 8 }, () => turn()));
    const told: number[] = [];
    const waiting = [0, 1, 2, 3].map(async (place) => {
      const entered = await circuits.enter(pair);
      told.push(place);
      return entered;
    });
    expect(await circuits.enter(pair)).toEqual(kept('overloaded', 1, 'concurrency_limit'));
    expect((await circuits.enter('demo another')).kind).toBe('turn');
    first?.ended(null);
    expect((await waiting[0])?.kind).toBe('turn');
    expect(told).toEqual([0]);
    others.forEach((one) => one.ended(null));
    expect((await Promise.all(waiting)).map(({ kind }) => kind)).toEqual(['turn', 'turn', 'turn', 'turn']);
    expect(told).toEqual([0, 1, 2, 3]);
  });

  it('tells those who waited too long that it was in vain', async () => {
    const turns = await Promise.all(Array.from({ length: 8 }, () => turn()));
    const waiting = circuits.enter(pair);
    now += 5_001;
    const later = circuits.enter(pair);
    turns[0]?.ended(null);
    expect(await waiting).toEqual(kept('overloaded', 1, 'concurrency_limit'));
    expect((await later).kind).toBe('turn');
  });

  it('sends those who wait away when the circuit opens', async () => {
    const turns = await Promise.all(Array.from({ length: 8 }, () => turn()));
    const waiting = [circuits.enter(pair), circuits.enter(pair)];
    turns[0]?.ended({ fault: 'throttled', retryAfter: 30 });
    expect(await Promise.all(waiting)).toEqual([kept('throttled', 30), kept('throttled', 30)]);
  });

  it('keeps half of the places from what can wait', async () => {
    const turns = [1, 2, 3, 4].map(() => circuits.tryEnter(pair));
    expect(turns.map(({ kind }) => kind)).toEqual(['turn', 'turn', 'turn', 'turn']);
    expect(circuits.tryEnter(pair)).toEqual(kept('overloaded', 1, 'concurrency_limit'));
    expect((await circuits.enter(pair)).kind).toBe('turn');
  });
});

describe('what is said of circuits', () => {
  it('is that they are open, until nobody has asked for long', async () => {
    const open = () => circuits.states().map((state) => state.open);
    await fail(5, down);
    expect(open()).toEqual([true]);
    now += 1_000 + 299_000;
    expect(open()).toEqual([true]);
    now += 2_000;
    expect(open()).toEqual([false]);
    const probe = await turn();
    expect(open()).toEqual([true]);
    probe.ended(null);
    expect(open()).toEqual([false]);
  });
});

describe('whoever waits for a turn', () => {
  it('is told when it waited for too long, also while nothing ends', async () => {
    const bounds = { atOnce: 1, waiting: 4, patience: 50 };
    const real = new Circuits({ now: () => Date.now() }, { bytes: (length) => new Uint8Array(length) }, bounds);
    const first = await real.enter(pair);
    expect(await Promise.all([real.enter(pair), real.enter(pair)])).toEqual([1, 2].map(() => kept('overloaded', 1, 'concurrency_limit')));
    if (first.kind === 'turn') first.ended(null);
    expect((await real.enter(pair)).kind).toBe('turn');
  });
});
