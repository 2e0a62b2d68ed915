import { describe, expect, it } from '@jest/globals';
import { check } from './checker.js';
import { nothing, type Call, type Closure, type Outcome, type OwnerChange, type Subject } from './history.js';

const parent: Subject = {
  runs: ['runp'],
  agents: ['agentp'],
  workflows: ['plan'],
  operators: ['ada'],
  purposes: ['planning'],
  runtimes: ['ci'],
  clients: ['planner'],
  resource: 'crm',
  key: null,
};
const child: Subject = {
  runs: ['runc', 'runp'],
  agents: ['agentc', 'agentp'],
  workflows: ['fetch', 'plan'],
  operators: ['eve', 'ada'],
  purposes: ['fetching', 'planning'],
  runtimes: ['jobs', 'ci'],
  clients: ['fetcher', 'planner'],
  resource: 'crm',
  key: null,
};

function call(subject: Subject, begun: number, ended: number, outcome: Outcome = 'got', error: string | null = null): Call {
  return { begun, ended, subject, outcome, error, entry: null, token: null };
}

/** Asked for, acknowledged, then the lifting; null where there was no answer, and no lifting where none is given. */
function closure(kind: string, target: string, begun: number, acknowledged: number | null, lift?: [number, number | null]): Closure {
  const opened = lift === undefined ? null : { begun: lift[0], acknowledged: lift[1] };
  return { kind, target, shut: { begun, acknowledged }, opened };
}

function verdicts(calls: readonly Call[], closures: readonly Closure[], owners: readonly OwnerChange[] = []): readonly string[] {
  return check({ calls, closures, owners }).map(({ what, call: { begun } }) => `${begun}: ${what}`);
}

describe('the checker of histories', () => {
  it('finds a request that began after an acknowledgement and got what was closed', () => {
    expect(verdicts([call(parent, 21, 25)], [closure('workflow', 'plan', 10, 20)])).toEqual(['21: got what was closed']);
  });

  it('lets a request have been first that began before the acknowledgement, whenever its answer came', () => {
    expect(verdicts([call(parent, 19, 500), call(parent, 20, 500)], [closure('everything', 'everything', 10, 20)])).toEqual([]);
  });

  it('lets a request have been last that ended after the lifting was asked for', () => {
    const lifted = closure('resource', 'crm', 10, 20, [40, 50]);
    expect(verdicts([call(parent, 30, 41), call(parent, 30, 39)], [lifted])).toEqual(['30: got what was closed']);
  });

  it('sees the scopes nested: what stops a parent stops its child, and not the other way round', () => {
    for (const [kind, ofParent, ofChild] of [
      ['run', 'runp', 'runc'],
      ['agent', 'agentp', 'agentc'],
      ['operator', 'ada', 'eve'],
      ['purpose', 'planning', 'fetching'],
      ['runtime', 'ci', 'jobs'],
      ['workflow', 'plan', 'fetch'],
      ['client', 'planner', 'fetcher'],
      ['ended run', 'runp', 'runc'],
      ['withdrawn resource', 'plan crm', 'fetch crm'],
    ] as const) {
      expect(verdicts([call(child, 3, 4)], [closure(kind, ofParent, 1, 2)])).toHaveLength(1);
      expect(verdicts([call(parent, 3, 4)], [closure(kind, ofChild, 1, 2)])).toEqual([]);
      expect(verdicts([call(parent, 3, 4)], [closure(kind, `${ofParent}2`, 1, 2)])).toEqual([]);
    }
  });

  it('finds what two closures cover only together, and not what falls into the gap between them', () => {
    const first = closure('workflow', 'plan', 10, 20, [50, 55]);
    const overlapping = closure('run', 'runp', 30, 40, [90, 95]);
    expect(verdicts([call(parent, 30, 80)], [first, overlapping])).toEqual(['30: got what was closed']);
    expect(verdicts([call(parent, 30, 80)], [first, closure('run', 'runp', 30, 60, [90, 95])])).toEqual([]);
  });

  it('takes the stop of an owner for one of the workflows that are theirs at the moment, for certain or perhaps', () => {
    const owners: readonly OwnerChange[] = [
      { step: { begun: 0, acknowledged: 1 }, owners: new Map([['plan', 'search']]) },
      { step: { begun: 30, acknowledged: 40 }, owners: new Map([['plan', 'index']]) },
    ];
    const stop = (owner: string) => [closure('owner', owner, 10, 20)];
    const got = [call(parent, 21, 29), call(parent, 29, 31), call(parent, 35, 38), call(parent, 41, 42)];
    expect(verdicts(got, stop('search'), owners)).toEqual(['21: got what was closed']);
    expect(verdicts(got, stop('index'), owners)).toEqual(['41: got what was closed']);
    expect(verdicts([call(child, 21, 29)], stop('search'), owners)).toHaveLength(1);
    const refused = [5, 25, 35, 45].map((at) => call(parent, at, at + 1, 'refused', 'access_denied'));
    expect(verdicts(refused, stop('search'), owners)).toEqual(['5: refused without a reason', '45: refused without a reason']);
  });

  it('takes a change without an answer for one that may have happened or not', () => {
    const doubtful = closure('workflow', 'plan', 10, null);
    expect(verdicts([call(parent, 20, 25), call(parent, 30, 35, 'refused', 'access_denied')], [doubtful])).toEqual([]);
  });

  it('takes a lifting without an answer for one that may have happened or not', () => {
    const doubtful = closure('workflow', 'plan', 10, 15, [20, null]);
    expect(verdicts([call(parent, 30, 35), call(parent, 40, 45, 'refused', 'access_denied')], [doubtful])).toEqual([]);
  });

  it('finds a refusal without a reason: before it was asked for, after it was lifted, of another kind, of nothing', () => {
    const lifted = closure('workflow', 'plan', 10, 20, [40, 50]);
    const refusals = [5, 15, 45, 52].map((at) => call(parent, at, at + 1, 'refused', 'access_denied'));
    expect(verdicts(refusals, [lifted])).toEqual(['5: refused without a reason', '52: refused without a reason']);
    expect(verdicts([call(parent, 25, 26, 'refused', 'unauthorized_client')], [lifted])).toHaveLength(1);
    expect(verdicts([call(parent, 25, 26, 'refused', 'access_denied')], [])).toHaveLength(1);
  });

  it('finds a use of a key that was revoked, and no fault in one that was not', () => {
    const start = (key: string): Call => call({ ...nothing, key }, 30, 31);
    expect(verdicts([start('key1'), start('key2')], [closure('revoked key', 'key1', 10, 20)])).toHaveLength(1);
    expect(verdicts([{ ...start('key1'), outcome: 'refused', error: 'key_unknown' }], [closure('revoked key', 'key1', 10, 20)])).toEqual(
      [],
    );
  });

  it('says nothing of requests whose outcome nobody knows', () => {
    expect(verdicts([call(parent, 30, 31, 'lost', null)], [closure('everything', 'everything', 10, 20)])).toEqual([]);
  });

  it('reads 100,000 calls and 5,000 closures in a few seconds at most', () => {
    const closures = Array.from({ length: 5_000 }, (_, index) =>
      closure('workflow', 'plan', index * 10, index * 10 + 2, [index * 10 + 4, index * 10 + 5]),
    );
    const calls = Array.from({ length: 100_000 }, (_, index) => call(child, index / 2, index / 2 + 3));
    expect(verdicts(calls, closures)).toEqual([]);
  });
});
