import { describe, expect, it } from '@jest/globals';
import { timesOf } from './core-times.js';
import { draw, graphsOf } from './graphs.js';
import { judge } from './judge.js';
import { fillSoakPage } from './page.js';
import type { Answers, Befallen, ProcessSample, Sample, Soak } from './samples.js';

const MB = 2 ** 20;
const MINUTES = 10;
const good: Answers = { ok: 1000, unavailable: 0, starved: 0, brokenOff: 0, unexpected: 0, examples: [], heldBack: 0 };
const redis: Befallen = { name: 'Redis killed', mark: 'R', from: 60, to: 65, excuses: [] };
const postgres: Befallen = { name: 'PostgreSQL killed', mark: 'P', from: 180, to: 185, excuses: ['unavailable'] };

/** A soak without fault, of a sample each two seconds, in which memory goes up and down by 10 MB as garbage is collected. */
function soak(change: (sample: Sample) => Partial<Sample> = () => ({}), given: Partial<Soak> = {}): Soak {
  const samples = Array.from({ length: MINUTES * 30 }, (_, index): Sample => {
    const process = { rss: (150 + (index % 11)) * MB, heap: (40 + (index % 5)) * MB, handles: 60 + (index % 3), cpu: index };
    const sample: Sample = {
      at: 2 * (index + 1),
      processes: { 'api-1': process, worker: process },
      queue: { waiting: index % 4, age: (index % 4) / 10 },
      backends: 20,
      databaseBytes: 100 * MB + index * MB,
      busy: 0.5,
      answers: good,
      latency: { p50: 2, p99: 20 },
    };
    return { ...sample, ...change(sample) };
  });
  return {
    ...{ minutes: MINUTES, capacity: 1000, rate: 500, samples, faults: [redis, postgres], lasting: ['api-1', 'worker'] },
    remains: { work: 0, givenUp: 0, runs: 0, intents: 0 },
    accounts: { issued: 100, received: 90, answered: 5000, released: 5001, findings: [] },
    ...given,
  };
}

const look = { minutes: 1 };
const failed = (given: Soak): readonly string[] =>
  judge(given)
    .filter(({ holds }) => !holds)
    .map(({ what }) => what);
const at = (seconds: number, answers: Partial<Answers>) => (sample: Sample) =>
  sample.at === seconds ? { answers: { ...good, ...answers } } : {};
const worker = (change: (sample: Sample, process: ProcessSample) => Partial<ProcessSample>) => (sample: Sample) => {
  const process = sample.processes['worker'];
  return process == null ? {} : { processes: { ...sample.processes, worker: { ...process, ...change(sample, process) } } };
};

describe('the judge of a soak', () => {
  it('finds nothing where nothing grows', () => expect(failed(soak())).toEqual([]));

  it('finds memory that leaks, of one process and slowly', () => {
    const leaking = worker(({ at }, { rss, heap }) => ({ rss: rss + at * 0.12 * MB, heap: heap + at * 0.05 * MB }));
    expect(failed(soak(leaking))).toEqual(['resident memory, worker', 'old generation of the heap, worker']);
  });

  it('does not take a process that warms up for one that leaks', () => {
    const warming = worker(({ at }, { rss }) => ({ rss: rss - Math.max(0, 120 - at) * 0.5 * MB }));
    expect(failed(soak(warming))).toEqual([]);
  });

  it('looks at what is left of a heap after a collection, however long that takes', () => {
    const heap = ['old generation of the heap, worker'];
    const cycle = (floor: (at: number) => number, seconds: number) =>
      worker(({ at }) => ({ heap: (floor(at) + ((at % seconds) / seconds) * (at > 300 ? 130 : 20)) * MB }));
    const [steady, rare] = [cycle(() => 47, 140), cycle(() => 47, 310)];
    expect([failed(soak(steady)), failed(soak(steady, look)), failed(soak(rare, look))]).toEqual([[], [], []]);
    const [leaking, fast] = [cycle((at) => 47 + at * 0.05, 40), cycle((at) => 47 + at * 0.3, 40)];
    expect([failed(soak(leaking)), failed(soak(fast, look))]).toEqual([heap, heap]);
  });

  it('finds descriptors and connections that are not closed', () => {
    const leaking = worker(({ at }, { handles }) => ({ handles: handles + at / 8 }));
    expect(failed(soak(leaking))).toEqual(['open descriptors, worker']);
    expect(failed(soak(({ at }) => ({ backends: 20 + at / 8 })))).toEqual(['connections to PostgreSQL']);
  });

  it('does not take what nobody could read for flat', () => {
    expect(failed(soak(({ processes }) => ({ processes: { ...processes, worker: null } })))).toEqual([
      'resident memory, worker',
      'old generation of the heap, worker',
      'open descriptors, worker',
    ]);
    expect(failed(soak(() => ({ queue: null })))).toEqual(['oldest due work, outside of faults']);
  });

  it('finds work that stays undone, but not while a fault lasts and just after', () => {
    const undone = (seconds: number) => (sample: Sample) => (sample.at === seconds ? { queue: { waiting: 9, age: 60 } } : {});
    expect(failed(soak(undone(184)))).toEqual([]);
    expect(failed(soak(undone(194)))).toEqual([]);
    expect(failed(soak(undone(198)))).toEqual(['oldest due work, outside of faults']);
  });

  it('finds an answer that no fault excuses', () => {
    const outside = ['answers outside of faults and 10 s after'];
    expect(failed(soak(at(184, { unavailable: 50 })))).toEqual([]);
    expect(failed(soak(at(194, { unavailable: 50 })))).toEqual([]);
    expect(failed(soak(at(198, { unavailable: 1 })))).toEqual(outside);
    expect(failed(soak(at(300, { brokenOff: 1 })))).toEqual(outside);
    expect(failed(soak(at(62, { unavailable: 1 })))).toEqual(['answers in 2 faults']);
    expect(failed(soak(at(184, { brokenOff: 1 })))).toEqual(['answers in 2 faults']);
    expect(failed(soak(at(184, { unexpected: 1, examples: ['/oauth2/token: 500'] })))).toEqual(['answers in 2 faults']);
  });

  it('looks less closely at a run of few minutes, on a machine that is at its end', () => {
    const turnedAway = at(300, { unavailable: 1 });
    expect(failed(soak((sample) => ({ ...turnedAway(sample), busy: 1 }), look))).toEqual([]);
    expect(failed(soak((sample) => ({ ...turnedAway(sample), busy: 1 })))).toEqual(['answers outside of faults and 10 s after']);
    expect(failed(soak(turnedAway, look))).toEqual(['answers outside of faults and 10 s after']);
    const starved = at(300, { unavailable: 1, starved: 1 });
    expect(failed(soak(starved, look))).toEqual([]);
    expect(failed(soak(starved))).toEqual(['answers outside of faults and 10 s after']);
    expect(failed(soak(at(300, { unavailable: 500, starved: 500 }), look))).toEqual(['answers outside of faults and 10 s after']);
    expect(
      failed(
        soak(
          worker(({ at }, { rss }) => ({ rss: rss + at * 0.12 * MB })),
          look,
        ),
      ),
    ).toEqual([]);
    expect(
      failed(
        soak(
          worker(({ at }, { rss }) => ({ rss: rss + at * MB })),
          look,
        ),
      ),
    ).toEqual(['resident memory, worker']);
  });

  it('finds that nothing was shown, for want of load or of faults', () => {
    expect(failed(soak(() => ({ answers: { ...good, ok: 900 } })))).toEqual(['answers a second, outside of faults']);
    expect(failed(soak(undefined, { faults: [] }))).toEqual(['answers in 0 faults']);
  });

  it.each([{ work: 1 }, { givenUp: 1 }, { runs: 1 }, { intents: 1 }])('finds what is left at the end: %j', (left) => {
    expect(failed(soak(undefined, { remains: { ...soak().remains, ...left } }))).toEqual(['left to do at the end']);
  });

  it('finds tokens that the record does not account for', () => {
    const { accounts } = soak();
    expect(failed(soak(undefined, { accounts: { ...accounts, findings: ['a token is not in the record'] } }))).toEqual([
      'tokens issued, by their server’s own list',
    ]);
    expect(failed(soak(undefined, { accounts: { ...accounts, released: 4999 } }))).toEqual(['releases in the record']);
  });
});

it('takes time that a hypervisor gave to others for busy, and not time in which a disk was waited for', () => {
  const stat = 'cpu  100 10 50 300 999 5 15 120 40 0\ncpu0 1 1 1 1 1 1 1 1 1 1\nintr 1\n';
  expect(timesOf(stat)).toEqual({ idle: 300, all: 600 });
  expect(() => timesOf('intr 1\n')).toThrow(TypeError);
});

describe('the graphs of a soak', () => {
  it('are small, however long it was, and keep every peak', () => {
    const values = Array.from({ length: 10_000 }, (_, index) => (index === 7_777 ? 1000 : index % 10));
    const lines = Array.from({ length: 6 }, (_, index) => ({ name: `line ${index}`, values }));
    const drawing = draw({ title: 'Peaks', unit: 'ms', at: values.map((_, index) => index * 2), lines, faults: [redis] });
    expect(Buffer.byteLength(drawing)).toBeLessThan(60_000);
    expect(drawing.match(/,62(?=[ "])/g)).toHaveLength(6); // the top of the box
    expect(drawing).toContain('>R</text>');
  });

  it('have gaps where nothing was known', () => {
    const lines = [{ name: 'age', values: [1, 2, null, 3] }];
    const drawing = draw({ title: 'Gaps', unit: 's', at: [2, 4, 6, 8], lines, faults: [] });
    expect(drawing.match(/<polyline/g)).toHaveLength(2);
  });

  it('stand with their figures in the page', () => {
    const given = soak(at(300, { brokenOff: 1 }));
    const page = fillSoakPage('# Soak\n\n<!-- made: soak -->\nold\n<!-- end -->\n', given, judge(given), {
      date: '2026-01-01',
      machine: '2 cores',
    });
    expect(page).toContain('**1 of what is demanded did not hold.**');
    expect(page).toContain('| R: Redis killed | 1 |');
    expect(page).not.toContain('old\n');
    expect([...graphsOf(given).keys()]).toEqual(['memory', 'heap', 'handles', 'queue-age', 'queue', 'answers', 'latency', 'database']);
  });
});
