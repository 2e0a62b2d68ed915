import { QueuePerKey } from '../../src/issuance/queue-per-key.js';
import { SingleFlight } from '../../src/issuance/single-flight.js';
import { TemporarilyUnavailable } from '../../src/oauth/errors.js';

/** Something that ends when it is told to. */
function open(): { readonly promise: Promise<string>; end(): void; fail(): void } {
  let end: () => void = () => undefined;
  let fail: () => void = () => undefined;
  const promise = new Promise<string>((resolve, reject) => {
    end = () => resolve('done');
    fail = () => reject(new Error('failed'));
  });
  return { promise, end: () => end(), fail: () => fail() };
}

describe('a single flight', () => {
  it('runs one task per key, and tells who was first', async () => {
    const flights = new SingleFlight<string>();
    const task = open();
    let begun = 0;
    const asks = [1, 2, 3].map(() => flights.run('key', () => (begun++, task.promise)));
    task.end();
    expect(await Promise.all(asks)).toEqual([
      { first: true, result: 'done' },
      { first: false, result: 'done' },
      { first: false, result: 'done' },
    ]);
    expect(begun).toBe(1);
  });

  it('lets so many wait and no more, whatever for, and room is again when they have gone', async () => {
    const flights = new SingleFlight<string>(3);
    const [one, other] = [open(), open()];
    const waiting = [
      flights.run('one', () => one.promise),
      flights.run('one', () => one.promise),
      flights.run('other', () => other.promise),
    ];
    const refused = flights.run('one', () => one.promise);
    await expect(refused).rejects.toBeInstanceOf(TemporarilyUnavailable);
    await expect(refused).rejects.toMatchObject({ detail: { retryAfter: 1 } });
    one.fail();
    other.end();
    expect((await Promise.allSettled(waiting)).map(({ status }) => status)).toEqual(['rejected', 'rejected', 'fulfilled']);
    expect(await flights.run('one', async () => 'again')).toEqual({ first: true, result: 'again' });
  });
});

describe('a queue per key', () => {
  it('runs the tasks of a key one after another, also after one that failed, and those of others meanwhile', async () => {
    const queue = new QueuePerKey();
    const [first, second] = [open(), open()];
    const told: string[] = [];
    const one = queue.run('key', async () => (told.push('first'), first.promise));
    const two = queue.run('key', async () => (told.push('second'), second.promise));
    await queue.run('another', async () => told.push('another'));
    expect(told).toEqual(['first', 'another']);
    first.fail();
    await expect(one).rejects.toThrow('failed');
    second.end();
    expect(await two).toBe('done');
    expect(told).toEqual(['first', 'another', 'second']);
  });

  it('lets so many of a key wait and no more, and room is again when they have gone', async () => {
    const queue = new QueuePerKey(2);
    const task = open();
    const waiting = [queue.run('key', () => task.promise), queue.run('key', async () => 'second')];
    await expect(queue.run('key', async () => 'third')).rejects.toBeInstanceOf(TemporarilyUnavailable);
    expect(await queue.run('another', async () => 'elsewhere')).toBe('elsewhere');
    task.end();
    expect(await Promise.all(waiting)).toEqual(['done', 'second']);
    expect(await queue.run('key', async () => 'fourth')).toBe('fourth');
  });
});
