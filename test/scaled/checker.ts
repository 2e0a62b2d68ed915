import type { Call, Closure, History, OwnerChange, Subject } from './history.js';
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
export function check({ calls, closures, owners }: History): readonly Violation[] {
  const forces = forcesOf(closures, owners);
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

function forcesOf(closures: readonly Closure[], owners: readonly OwnerChange[]): ReadonlyMap<string, Force> {
  const grouped = new Map<string, { readonly certain: Interval[]; readonly possible: Interval[] }>();
  const add = (kind: string, target: string, certain: Interval, possible: Interval): void => {
    const key = keyOf(kind, target);
    const group = grouped.get(key) ?? { certain: [], possible: [] };
    group.certain.push(certain);
    group.possible.push(possible);
    grouped.set(key, group);
  };
  for (const closure of closures) {
    const [certain, possible] = [certainly(closure), possibly(closure)];
    if (closure.kind !== 'owner') add(closure.kind, closure.target, certain, possible);
    else {
      for (const { workflow, had, mayHaveHad } of ownedBy(closure.target, owners))
        add(closure.kind, workflow, overlap(certain, had), overlap(possible, mayHaveHad));
    }
  }
  return new Map(
    [...grouped].map(([key, { certain, possible }]) => [key, { certain: new Intervals(certain), possible: new Intervals(possible) }]),
  );
}

/** When which workflow was an owner's, for certain and perhaps, as closures are in force. */
function ownedBy(owner: string, changes: readonly OwnerChange[]): readonly { workflow: string; had: Interval; mayHaveHad: Interval }[] {
  return changes.flatMap(({ step, owners }, index) => {
    const next = changes[index + 1]?.step;
    const had = { from: step.acknowledged ?? Infinity, to: next?.begun ?? Infinity };
    const mayHaveHad = { from: step.begun, to: next === undefined ? Infinity : (next.acknowledged ?? Infinity) };
    return [...owners].filter(([, named]) => named === owner).map(([workflow]) => ({ workflow, had, mayHaveHad }));
  });
}

function overlap(one: Interval, other: Interval): Interval {
  return { from: Math.max(one.from, other.from), to: Math.min(one.to, other.to) };
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
