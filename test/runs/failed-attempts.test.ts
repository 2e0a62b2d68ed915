import { Clock } from '../../src/oauth/clock.js';
import { FailedAttempts } from '../../src/runs/failed-attempts.js';

class SetClock extends Clock {
  time = Date.UTC(2026, 0, 1);
  now(): number {
    return this.time;
  }
}

describe('failed attempts', () => {
  let clock: SetClock;
  let attempts: FailedAttempts;
  beforeEach(() => {
    clock = new SetClock();
    attempts = new FailedAttempts(clock);
  });

  it('are throttled per client, from however many addresses they come (B21)', () => {
    for (let time = 0; time < 19; time++) attempts.note('run1', `192.0.2.${time}`);
    expect(attempts.wait('run1', '198.51.100.1')).toBe(0);
    attempts.note('run1', '192.0.2.19');
    expect(attempts.wait('run1', '198.51.100.1')).toBe(60);
    expect(attempts.wait('run2', '192.0.2.1')).toBe(0);
  });

  it('are throttled per address, for however many clients they pass themselves off (B21)', () => {
    for (let time = 0; time < 999; time++) attempts.note(`run${time}`, '192.0.2.1');
    expect(attempts.wait('run1000', '192.0.2.1')).toBe(0);
    attempts.note('run999', '192.0.2.1');
    expect(attempts.wait('run1000', '192.0.2.1')).toBe(60);
    expect(attempts.wait('run1000', '192.0.2.2')).toBe(0);
  });

  it('are forgotten after a minute', () => {
    for (let time = 0; time < 20; time++) attempts.note('run1', '192.0.2.1');
    clock.time += 59_001;
    expect(attempts.wait('run1', '192.0.2.1')).toBe(1);
    clock.time += 999;
    expect(attempts.wait('run1', '192.0.2.1')).toBe(0);
    attempts.note('run1', '192.0.2.1');
    expect(attempts.wait('run1', '192.0.2.1')).toBe(0);
  });

  it('are remembered of a bounded number of clients and addresses, the latest', () => {
    for (let time = 0; time < 20; time++) attempts.note('first', '192.0.2.1');
    for (let client = 0; client < 10_000; client++) attempts.note(`run${client}`, `2001:db8::${client}`);
    expect(attempts.wait('first', '198.51.100.1')).toBe(0);
    for (let time = 0; time < 20; time++) attempts.note('run9999', '198.51.100.1');
    expect(attempts.wait('run9999', '198.51.100.2')).toBe(60);
  });
});
