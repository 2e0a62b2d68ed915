import { createHash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { SecurityLog } from '../../src/access/security-log.js';
import { Clock } from '../../src/oauth/clock.js';
import { InvalidClient } from '../../src/oauth/errors.js';
import { Secret } from '../../src/oauth/secret.js';
import { AuthenticateRun } from '../../src/runs/authenticate-run.js';
import { FailedAttempts } from '../../src/runs/failed-attempts.js';
import { ReplayGuard } from '../../src/runs/replay-guard.js';
import { RunDirectory } from '../../src/runs/run-directory.js';
import type { Run } from '../../src/runs/run.js';
import { RunStore } from '../../src/runs/run-store.js';

class StillClock extends Clock {
  now(): number {
    return 1_772_543_100_000;
  }
}
class NoReplays extends ReplayGuard {
  consume = () => Promise.resolve(true);
  forget = () => Promise.resolve(0);
}
class Silence extends SecurityLog {
  write(): void {}
}

/** What all replicas share: one run, whose secret another replica may change. */
class OneRun extends RunStore {
  reads = 0;
  constructor(private secret: string) {
    super();
  }
  renew(secret: string): void {
    this.secret = secret;
  }
  find(id: string): Promise<Run> {
    this.reads++;
    const secretSha256 = createHash('sha256').update(this.secret).digest('hex');
    const credential = { id: `cre-${this.secret}`, method: 'client_secret', secretSha256 } as const;
    const agent = { name: 'indexer', version: '1.4.0', model: 'none' };
    const times = { startedAt: 1_772_543_000_000, expiresAt: 1_772_544_000_000, endedAt: null };
    return Promise.resolve({ id, runtime: 'ci', workflow: 'w', purpose: 'p', operator: null, agent, ancestors: [], credential, ...times });
  }
  start = (): never => unasked();
  end = (): never => unasked();
  isActive = (): never => unasked();
  personOf = (): never => unasked();
}

function unasked(): never {
  throw new TypeError('nobody asks for this here');
}

describe('a run whose secret was renewed at another replica', () => {
  it('is known by the new secret where the old one is remembered, and then by the old one no more', async () => {
    const store = new OneRun('first');
    const clock = new StillClock();
    const directory = new RunDirectory(store);
    const authenticate = new AuthenticateRun(
      'https://c.example',
      directory,
      new NoReplays(),
      new FailedAttempts(clock),
      new Silence(),
      clock,
    );
    const by = (secret: string): Promise<Run> =>
      authenticate.authenticate({ kind: 'basic', clientId: 'run01', secret: new Secret(secret) }, '127.0.0.1');

    await by('first');
    await by('first');
    expect(store.reads).toBe(1);
    store.renew('second');
    expect((await by('second')).credential.id).toBe('cre-second');
    await expect(by('first')).rejects.toThrow(InvalidClient);
    await expect(by('third')).rejects.toThrow(InvalidClient);
    expect((await by('second')).credential.id).toBe('cre-second');
  });
});
