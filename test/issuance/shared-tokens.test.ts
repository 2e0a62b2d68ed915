import { createHash } from 'node:crypto';
import { beforeEach, describe, expect, it } from '@jest/globals';
import type { Run } from '../../src/runs/run.js';
import { SharedMemory } from '../rig/memory-shared.js';
import { MemoryWorld, type MemoryReplica } from '../rig/memory-world.js';
import { isDown, TruthfulServer } from '../rig/truthful-server.js';

const crm = 'https://crm.example/api';

let server: TruthfulServer;
let world: MemoryWorld;
let shared: SharedMemory;
let one: MemoryReplica;
let other: MemoryReplica;
beforeEach(() => {
  world = new MemoryWorld({
    http: (clock) => Object.assign((server = new TruthfulServer(clock)), { latency: 0, life: 600 }),
    policy: ({ run }) => ({ allow: true, obligations: { isolation: run.agent.name === 'sharing' ? 'workflow' : 'run' } }),
  });
  shared = new SharedMemory();
  // neither finds in the record what it has not obtained itself: what it finds is what they share
  one = world.replica({ shared });
  other = world.replica({ shared });
});

async function ask(replica: MemoryReplica, run: Run): Promise<string> {
  return (await replica.ask(run, crm)).accessToken.reveal();
}
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const sharing = { name: 'sharing', version: '1', model: 'none' };

describe('replicas that share tokens', () => {
  it('release what another of them obtained, with an entry each', async () => {
    const run = world.start();
    const token = await ask(one, run);
    expect(await ask(other, run)).toBe(token);
    expect([server.calls.length, world.log.counts['token.released']]).toEqual([1, 2]);
  });

  it('release nothing that was withdrawn, though all of them still find it', async () => {
    const run = world.start();
    const token = await ask(one, run);
    const found = shared.tokens.get([...shared.tokens.keys()][0] ?? '');
    world.log.withdraw(sha256(token));
    const next = await ask(other, run);
    expect(next).not.toBe(token);
    // put back by somebody who has not heard
    for (const key of shared.tokens.keys()) if (found !== undefined) shared.tokens.set(key, found);
    expect([await ask(other, run), await ask(one, run)]).not.toContain(token);
    expect(server.calls.length).toBeLessThanOrEqual(3);
  });

  it('ask once for what fifty runs of a workflow want at the same time at two of them', async () => {
    server.latency = 200;
    const runs = Array.from({ length: 50 }, () => world.start({ agent: sharing }));
    const asking = Promise.all(runs.map((run, index) => ask(index % 2 === 0 ? one : other, run)));
    await new Promise((resolve) => setImmediate(resolve));
    await world.pass(1_000, [one, other], 100);
    expect(new Set(await asking).size).toBe(1);
    expect([server.calls.length, world.log.counts['token.released']]).toEqual([1, 50]);
  });

  it('do not take the failure of one for that of another', async () => {
    const run = world.start();
    server.behaviour = isDown;
    await expect(ask(one, run)).rejects.toMatchObject({ code: 'temporarily_unavailable' });
    server.behaviour = (answering, _request, form) => answering.issue(form);
    expect(await ask(other, run)).toMatch(/^opaque-/);
  });

  it('do not hand out to one run what another run obtained', async () => {
    const [mine, theirs] = [world.start(), world.start()];
    expect(await ask(one, mine)).not.toBe(await ask(other, theirs));
  });
});
