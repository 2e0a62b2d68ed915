import type { Befallen, Excuse, Sample, Soak } from './samples.js';

/** What was looked at, what was found, and whether it is as it must be. */
export interface Judgement {
  readonly what: string;
  readonly found: string;
  readonly holds: boolean;
}

/** Seconds after the end of a fault in which what it excuses is excused still. */
export const RECOVERY = 10;
/** Seconds for which work may be overdue when nothing hinders. */
const OLDEST = 10;
/** Share of what is offered that must be answered when nothing hinders. */
const ANSWERED = 0.95;
const MB = 2 ** 20;

/** Minutes below which a run is no more than a look, on a machine that others may use: processes warm up all the time then. */
export const EARNEST = 10;
/** Share of all cores that is busy when the machine is at its end: of a look, 503 is excused then. */
const AT_ITS_END = 0.95;
/** Share of the answers of a sample that may be for want of an evaluation in time: of a look. */
const STARVED = 0.05;

/** By how much the end may be above the second quarter: by a share of it, and so much more. */
interface Margin {
  readonly share: number;
  readonly more: number;
}
const margins = {
  rss: { share: 0.1, more: 16 * MB },
  heap: { share: 0.1, more: 8 * MB },
  handles: { share: 0.1, more: 16 },
} as const satisfies Record<string, Margin>;
/** How many times as much more a look may find. */
const LOOK = 4;
const names = { rss: 'resident memory', heap: 'old generation of the heap', handles: 'open descriptors' } as const;

/** Everything that must hold of a soak. */
export function judge(soak: Soak): readonly Judgement[] {
  const { minutes, samples, faults, lasting } = soak;
  const isLook = minutes < EARNEST;
  const marginOf = (kind: keyof typeof margins): Margin => ({ ...margins[kind], more: margins[kind].more * (isLook ? LOOK : 1) });
  const quiet = samples.filter((sample, index) => faultsAt(faults, samples[index - 1]?.at ?? 0, sample.at).length === 0);
  const kinds = ['rss', 'heap', 'handles'] as const;
  return [
    ...lasting.flatMap((name) =>
      kinds.map((kind) =>
        flat(
          `${names[kind]}, ${name}`,
          samples.map((sample) => sample.processes[name]?.[kind] ?? null),
          marginOf(kind),
          kind === 'handles' ? (value) => value.toFixed(0) : (value) => `${(value / MB).toFixed(1)} MB`,
          kind === 'heap' ? { of: lowest, end: isLook ? 2 : 3 } : undefined,
        ),
      ),
    ),
    flat(
      'connections to PostgreSQL',
      samples.map(({ backends }) => backends),
      marginOf('handles'),
      (value) => value.toFixed(0),
    ),
    ageOfQueue(quiet),
    offered(soak, quiet),
    answersOutside(quiet, isLook),
    answersWithin(soak, isLook),
    ...atTheEnd(soak),
  ];
}

/** The faults, with their recovery, that touch an interval. */
function faultsAt(faults: readonly Befallen[], from: number, to: number): readonly Befallen[] {
  return faults.filter((fault) => fault.from <= to && from <= fault.to + RECOVERY);
}

/**
 * Medians, so that no fault counts; the first quarter is left out, in which a process warms up. Of the heap the lowest value, which is what
 * a collection of garbage leaves: between two it may double. In a look two may be further apart than a quarter of it, so its end is its
 * last half, and what grows has grown half as much by then.
 */
export function flat(
  what: string,
  values: readonly (number | null)[],
  { share, more }: Margin,
  print: (value: number) => string,
  { of, end } = { of: median, end: 3 },
): Judgement {
  const between = (from: number, to: number): number =>
    of(values.slice(Math.floor((values.length * from) / 4), Math.floor((values.length * to) / 4)).filter((value) => value !== null));
  const [second, last] = [between(1, 2), between(end, 4)];
  const most = second * (1 + share) + more;
  // not to be a number is not to be known, which is no flatness
  return { what, found: `${print(second)} → ${print(last)}; at most ${print(most)}`, holds: last <= most };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}

function lowest(values: readonly number[]): number {
  return values.length === 0 ? NaN : Math.min(...values);
}

function ageOfQueue(quiet: readonly Sample[]): Judgement {
  const ages = quiet.flatMap(({ queue }) => queue?.age ?? []);
  const oldest = Math.max(...ages);
  return {
    what: 'oldest due work, outside of faults',
    found: `${oldest.toFixed(1)} s; at most ${OLDEST} s`,
    holds: ages.length > 0 && oldest <= OLDEST,
  };
}

/** Without load there is nothing to be shown. */
function offered({ minutes, rate, samples }: Soak, quiet: readonly Sample[]): Judgement {
  const seconds = quiet.reduce((sum, sample) => sum + sample.at - (samples[samples.indexOf(sample) - 1]?.at ?? 0), 0);
  const answered = sum(quiet, ({ answers }) => answers.ok) / seconds;
  return {
    what: 'answers a second, outside of faults',
    found: `${answered.toFixed(0)} of ${rate.toFixed(0)} that were offered`,
    holds: rate > 0 && answered >= rate * (minutes < EARNEST ? ANSWERED / LOOK : ANSWERED),
  };
}

function answersOutside(quiet: readonly Sample[], isLook: boolean): Judgement {
  const good = sum(quiet, ({ answers }) => answers.ok);
  const bad = quiet.filter((sample) => notExcused(sample, [], isLook) > 0);
  const others = sum(bad, (sample) => notExcused(sample, [], isLook));
  const excused = sum(quiet, notGood) - others;
  return {
    what: `answers outside of faults and ${RECOVERY} s after`,
    found:
      `${good} good, ${others} others${examplesOf(bad)}` +
      (excused === 0 ? '' : `; ${excused} told to try again while all cores were busy or no evaluation came in time`),
    holds: bad.length === 0 && good > 0,
  };
}

/** Each kind of answer must be excused by a fault that lasts or has just ended. */
function answersWithin({ samples, faults }: Soak, isLook: boolean): Judgement {
  const within = samples
    .map((sample, index) => ({ sample, touching: faultsAt(faults, samples[index - 1]?.at ?? 0, sample.at) }))
    .filter(({ touching }) => touching.length > 0);
  const count = (kind: 'ok' | Excuse): number => sum(within, ({ sample }) => sample.answers[kind]);
  const bad = within.filter(({ sample, touching }) => notExcused(sample, touching, isLook) > 0);
  const others = sum(bad, ({ sample, touching }) => notExcused(sample, touching, isLook));
  return {
    what: `answers in ${faults.length} faults`,
    found:
      `${count('ok')} good, ${count('unavailable')} told to try again, ${count('brokenOff')} broken off; ` +
      `${others} of them as the fault does not excuse${examplesOf(bad.map(({ sample }) => sample))}`,
    holds: bad.length === 0 && faults.length > 0,
  };
}

function notGood({ answers: { unavailable, brokenOff, unexpected } }: Sample): number {
  return unavailable + brokenOff + unexpected;
}

/** How many answers of a sample were not good and are excused by nothing. */
function notExcused({ answers, busy }: Sample, faults: readonly Befallen[], isLook: boolean): number {
  const excused = [...faults.flatMap(({ excuses }) => excuses), ...(isLook && busy >= AT_ITS_END ? (['unavailable'] as const) : [])];
  const starved = isLook && answers.starved <= STARVED * (answers.ok + answers.unavailable) ? answers.starved : 0;
  const counts = { ...answers, unavailable: answers.unavailable - starved };
  return sum(['unavailable', 'brokenOff', 'unexpected'] as const, (kind) => (excused.some((excuse) => excuse === kind) ? 0 : counts[kind]));
}

function atTheEnd({ remains: { work, givenUp, runs, intents }, accounts }: Soak): readonly Judgement[] {
  const { issued, received, answered, released, findings } = accounts;
  return [
    {
      what: 'left to do at the end',
      found: `${work} rows of work, ${givenUp} given up, ${runs} runs past their deadline, ${intents} open intents`,
      holds: work + givenUp + runs + intents === 0,
    },
    {
      what: 'tokens issued, by their server’s own list',
      found: `${issued} issued, ${received} of them in agents’ hands, ${findings.length} that do not agree with the record${findings.length === 0 ? '' : `: ${findings.slice(0, 3).join('; ')}`}`,
      holds: findings.length === 0 && issued > 0 && received > 0,
    },
    {
      what: 'releases in the record',
      found: `${released} for ${answered} tokens that were answered`,
      holds: released >= answered && answered > 0,
    },
  ];
}

function examplesOf(samples: readonly Sample[]): string {
  const examples = samples.flatMap(({ answers }) => answers.examples).slice(0, 3);
  return examples.length === 0 ? '' : ` (${examples.join('; ')})`;
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}
