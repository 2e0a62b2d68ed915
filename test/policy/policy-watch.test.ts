import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { PolicyWatch } from '../../src/platform/policy-watch.js';

const INTERVAL = 20;

describe('the watch over a policy directory', () => {
  let directory: string;
  let watch: PolicyWatch;
  let changes: number;
  let broken: Error | null;
  const failures: unknown[] = [];

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'corridor-watch-'));
    await writeFile(join(directory, 'token.rego'), 'package corridor.token\n');
    changes = 0;
    broken = null;
    const changed = async (): Promise<void> => {
      if (broken !== null) throw broken;
      changes++;
    };
    watch = new PolicyWatch(directory, changed, (error) => failures.push(error), INTERVAL);
    watch.start();
    await until(() => changes === 1);
  });

  afterEach(async () => {
    await watch.stop();
    await rm(directory, { recursive: true, force: true });
  });

  async function until(condition: () => boolean): Promise<void> {
    for (let looks = 0; looks < 500 && !condition(); looks++) await wait(INTERVAL / 2);
    expect(condition()).toBe(true);
  }

  it('is silent while nothing changes', async () => {
    await wait(INTERVAL * 10);
    expect(changes).toBe(1);
  });

  it('tells of a file that was edited, added, renamed or removed, and of a directory that is gone and comes back', async () => {
    const file = join(directory, 'token.rego');
    const steps = [
      () => writeFile(file, 'package corridor.token\n\nx := 1\n'),
      () => mkdir(join(directory, 'rules')),
      () => writeFile(join(directory, 'rules', 'more.rego'), 'package corridor.more\n'),
      () => rename(join(directory, 'rules', 'more.rego'), join(directory, 'rules', 'other.rego')),
      () => rm(join(directory, 'rules'), { recursive: true }),
      () => rename(directory, `${directory}-away`),
      () => rename(`${directory}-away`, directory),
    ];
    for (const step of steps) {
      const before = changes;
      await step();
      await until(() => changes > before);
    }
  });

  it('tells of what a link leads to, as in a mounted ConfigMap', async () => {
    for (const version of ['v1', 'v2']) {
      await mkdir(join(directory, `.${version}`));
      await writeFile(join(directory, `.${version}`, 'data.json'), '{}');
    }
    await symlink('.v1', join(directory, '..data'));
    await symlink(join('..data', 'data.json'), join(directory, 'data.json'));
    await wait(INTERVAL * 5);
    const before = changes;
    await symlink('.v2', join(directory, '..next'));
    await rename(join(directory, '..next'), join(directory, '..data'));
    await until(() => changes > before);
  });

  it('waits until an edit has come to rest', async () => {
    const begin = performance.now();
    for (let line = 0; line < 40; line++) {
      await writeFile(join(directory, 'token.rego'), `package corridor.token\n\nx := ${'1'.repeat(line + 1)}\n`);
      await wait(INTERVAL / 4);
    }
    await until(() => changes > 1);
    const looks = (performance.now() - begin) / INTERVAL;
    expect(changes - 1).toBeLessThanOrEqual(looks / 2 + 1); // one look sees the change, the next one that it is over
  });

  it('tells it again when it fell on deaf ears', async () => {
    broken = new Error('the database is down');
    await writeFile(join(directory, 'token.rego'), 'package corridor.other\n');
    await until(() => failures.length >= 2);
    expect(failures).toContain(broken);
    broken = null;
    await until(() => changes === 2);
  });

  it('tells nothing any more once it was stopped', async () => {
    await watch.stop();
    await writeFile(join(directory, 'token.rego'), 'package corridor.other\n');
    await wait(INTERVAL * 5);
    expect(changes).toBe(1);
  });
});
