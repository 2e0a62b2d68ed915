import type { Call, Closure, History, Subject } from './history.js';
import { Intervals, type Interval } from './intervals.js';
import { kinds } from './kinds.js';

/** What cannot have been if every request and every change had happened at one moment between its beginning and its answer. */
export interface Violation {
  readonly what: 'got what was closed' | 'refused without a reason';
  readonly call: Call;
}

/** When the closures of one kind and target were in force: for certain, and perhaps. */
interface Force {
  readonly certain: Intervals;
  readonly possible: Intervals;
}

/**
 * Reads a history and gives its violations (DESIGN §1, promise 4). A closure is in force for certain from when it was acknowledged until
 * somebody asked for it to be lifted, and perhaps from when it was asked for until its lifting was acknowledged. So a request got what
 * was closed when closures that cover it were in force, for certain and without a gap, from before it began until after it had its
 * answer; and it was refused without a reason when none that gives its error can have been in force at any moment of it.
 */
export function check({ calls, closures }: History): readonly Violation[] {
  const forces = forcesOf(closures);
  const covering = (subject: Subject, error: string | null): readonly Force[] =>
    Object.entries(kinds).flatMap(([kind, { targets, errors }]) =>
      error === null || errors.includes(error) ? targets(subject).flatMap((target) => forces.get(keyOf(kind, target)) ?? []) : [],
    );

  return calls.flatMap((call): readonly Violation[] => {
    const { begun: from, ended: to, subject, outcome, error } = call;
    switch (outcome) {
      case 'got': {
        const certain = covering(subject, null).flatMap((force) => force.certain.during({ from, to }));
        return new Intervals(certain).hold({ from, to }) ? [{ what: 'got what was closed', call }] : [];
      }
      case 'refused': {
        const explained = covering(subject, error ?? '').some(({ possible }) => possible.during({ from, to }).length > 0);
        return explained ? [] : [{ what: 'refused without a reason', call }];
      }
      case 'lost':
        return [];
    }
  });
}

export function printViolation({ what, call: { begun, ended, subject, error } }: Violation): string {
  const who = subject.runs.join(' < ') || `key ${subject.key}`;
  const told = error === null ? '' : `, ${error}`;
  return `${what}: ${who}, ${subject.resource ?? 'no resource'}, from ${begun.toFixed(1)} to ${ended.toFixed(1)} ms${told}`;
}

function forcesOf(closures: readonly Closure[]): ReadonlyMap<string, Force> {
  const grouped = new Map<string, Closure[]>();
  for (const closure of closures) {
    const key = keyOf(closure.kind, closure.target);
    const group = grouped.get(key);
    if (group === undefined) grouped.set(key, [closure]);
    else group.push(closure);
  }
  const force = (group: readonly Closure[]): Force => ({
    certain: new Intervals(group.map(certainly)),
    possible: new Intervals(group.map(possibly)),
  });
  return new Map([...grouped].map(([key, group]) => [key, force(group)]));
}

function certainly({ shut, opened }: Closure): Interval {
  return { from: shut.acknowledged ?? Infinity, to: opened?.begun ?? Infinity };
}

function possibly({ shut, opened }: Closure): Interval {
  return { from: shut.begun, to: opened === null ? Infinity : (opened.acknowledged ?? Infinity) };
}

function keyOf(kind: string, target: string): string {
  return `${kind} ${target}`;
}
