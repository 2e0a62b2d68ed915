import { setTimeout as delay } from 'node:timers/promises';
import { LogUnavailable } from '../../src/attribution/entry-log.js';
import { GroupCommit, type GroupCommitLimits } from '../../src/store/group-commit.js';

const roomy: GroupCommitLimits = { maxBatch: 4, maxWaiting: 10, maxWait: 1000, inFlight: 1 };

/** A flush that ends when it is told to, and answers each item in capitals. */
class Flushes {
  readonly begun: (readonly string[])[] = [];
  readonly #open: { readonly items: readonly string[]; readonly end: (error?: Error) => void }[] = [];
  now = 0;
  readonly groups: GroupCommit<string, string>;

  constructor(limits: Partial<GroupCommitLimits> = {}) {
    this.groups = new GroupCommit(
      (items) => this.#flush(items),
      { ...roomy, ...limits },
      () => this.now,
    );
  }

  #flush(items: readonly string[]): Promise<readonly string[]> {
    this.begun.push(items);
    return new Promise((resolve, reject) => {
      this.#open.push({ items, end: (error) => (error ? reject(error) : resolve(items.map((item) => item.toUpperCase()))) });
    });
  }

  /** Ends the oldest flush that is open. */
  async end(error?: Error): Promise<void> {
    this.#open.shift()?.end(error);
    await delay(1);
  }
}

describe('a group commit', () => {
  it('gives what is submitted in one turn of events to one flush, in order', async () => {
    const flushes = new Flushes();
    const [first, second] = [flushes.groups.submit(['a', 'b']), flushes.groups.submit(['c'])];
    await delay(1);
    expect(flushes.begun).toEqual([['a', 'b', 'c']]);
    await flushes.end();
    expect(await first).toEqual(['A', 'B']);
    expect(await second).toEqual(['C']);
  });

  it('gathers while a flush is under way', async () => {
    const flushes = new Flushes();
    const all = [flushes.groups.submit(['a'])];
    await delay(1);
    all.push(flushes.groups.submit(['b']));
    await delay(1);
    all.push(flushes.groups.submit(['c']));
    await delay(1);
    expect(flushes.begun).toEqual([['a']]);
    await flushes.end();
    expect(flushes.begun).toEqual([['a'], ['b', 'c']]);
    await flushes.end();
    expect(await Promise.all(all)).toEqual([['A'], ['B'], ['C']]);
  });

  it('fills no flush beyond its limit, and never parts the items of one call', async () => {
    const flushes = new Flushes();
    const all = [['a', 'b', 'c'], ['d', 'e'], ['f']].map((items) => flushes.groups.submit(items));
    await delay(1);
    await flushes.end();
    expect(flushes.begun).toEqual([
      ['a', 'b', 'c'],
      ['d', 'e', 'f'],
    ]);
    await flushes.end();
    await Promise.all(all);
  });

  it('gives a call that is larger than a flush may be a flush of its own', async () => {
    const flushes = new Flushes();
    const all = [['a', 'b', 'c', 'd', 'e'], ['f']].map((items) => flushes.groups.submit(items));
    await delay(1);
    expect(flushes.begun).toEqual([['a', 'b', 'c', 'd', 'e']]);
    await flushes.end();
    await flushes.end();
    expect(await Promise.all(all)).toEqual([['A', 'B', 'C', 'D', 'E'], ['F']]);
  });

  it('refuses at once what would wait beyond its limit, and takes it again when there is room', async () => {
    const flushes = new Flushes({ maxWaiting: 3 });
    const waiting = flushes.groups.submit(['a', 'b', 'c']);
    await expect(flushes.groups.submit(['d'])).rejects.toThrow(LogUnavailable);
    await delay(1);
    const next = flushes.groups.submit(['d']);
    await flushes.end();
    await flushes.end();
    expect(await Promise.all([waiting, next])).toEqual([['A', 'B', 'C'], ['D']]);
    expect(flushes.begun.flat()).toEqual(['a', 'b', 'c', 'd']);
  });

  it('refuses what has waited too long, without a flush', async () => {
    const flushes = new Flushes();
    const first = flushes.groups.submit(['a']);
    await delay(1);
    const late = flushes.groups.submit(['b']);
    const refused = expect(late).rejects.toThrow(LogUnavailable);
    flushes.now = 1001;
    const timely = flushes.groups.submit(['c']);
    await flushes.end();
    await refused;
    await flushes.end();
    expect(await Promise.all([first, timely])).toEqual([['A'], ['C']]);
    expect(flushes.begun.flat()).toEqual(['a', 'c']);
  });

  it('fails those alone whose flush failed', async () => {
    const flushes = new Flushes();
    const failing = [flushes.groups.submit(['a']), flushes.groups.submit(['b'])].map((call) => expect(call).rejects.toThrow('the disk'));
    await delay(1);
    const next = flushes.groups.submit(['c']);
    await flushes.end(new Error('the disk is full'));
    await Promise.all(failing);
    await flushes.end();
    expect(await next).toEqual(['C']);
  });

  it('has as many flushes in flight as it may', async () => {
    const flushes = new Flushes({ inFlight: 2 });
    const all = [flushes.groups.submit(['a'])];
    await delay(1);
    all.push(flushes.groups.submit(['b']));
    await delay(1);
    all.push(flushes.groups.submit(['c']));
    await delay(1);
    expect(flushes.begun).toEqual([['a'], ['b']]);
    await flushes.end();
    expect(flushes.begun).toEqual([['a'], ['b'], ['c']]);
    await flushes.end();
    await flushes.end();
    expect(await Promise.all(all)).toEqual([['A'], ['B'], ['C']]);
  });

  it('answers nothing with nothing, and asks nobody', async () => {
    const flushes = new Flushes();
    expect(await flushes.groups.submit([])).toEqual([]);
    expect(flushes.begun).toEqual([]);
  });
});
