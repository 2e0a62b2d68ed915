import { writeFileSync, rmSync, appendFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { Received } from '../crash/agents.js';
import { assertionOf, present, startKeyedRun } from './assertions.js';
import { Chronicle } from './chronicle.js';
import { Families, pick, startFamily, subjectOf } from './families.js';
import type { TestRedis } from '../rig/redis.js';
import type { ScaledWorld } from './scaled-world.js';
import { errorOf, type Surface } from './surface.js';

export interface Befallen {
  readonly calls: number;
  readonly got: number;
  /** Requests that were told to try again, and those whose connection broke off. */
  readonly unavailable: number;
  readonly brokenOff: number;
  /** Answers that are neither a token nor `temporarily_unavailable`. */
  readonly unexpected: readonly unknown[];
  readonly longest: number;
  /** Milliseconds from the end of the fault until every replica served a run that was started then. */
  readonly itselfAgain: number;
}

const AGENTS_PER_REPLICA = 4;
const AGAIN_WITHIN = 30_000;
/** Milliseconds: longer than a request waits for the database. */
const BEYOND_PATIENCE = 5_500;

/** Agents that ask for tokens while something befalls replicas and database. Nothing is stopped, so whoever gets an answer gets a token. */
export class Chaos {
  readonly received: Received[] = [];
  #families: Families;
  readonly #chronicle = new Chronicle();

  constructor(
    private readonly world: ScaledWorld,
    private readonly surface: Surface,
    private readonly key: string,
  ) {
    this.#families = new Families(world, surface, this.#chronicle, key);
  }

  /** `fault` ends when nothing hinders any more. */
  async under(fault: () => Promise<void>): Promise<Befallen> {
    const { calls, unexpected } = this.#chronicle;
    calls.length = unexpected.length = 0;
    for (let replica = 0; replica < 3; replica++) await this.#families.bear(replica);
    let going = true;
    const agents = [0, 1, 2].flatMap((replica) => Array.from({ length: AGENTS_PER_REPLICA }, () => this.#agent(replica, () => going)));
    const births = this.#births(() => going);
    await wait(300);
    await fault();
    const itselfAgain = await this.#untilItselfAgain();
    going = false;
    await Promise.all([...agents, births]);

    for (const { outcome, subject, token, entry } of calls) {
      if (outcome === 'got') this.received.push({ run: subject.runs[0] ?? '', sha256: token ?? '', attribution: entry ?? '' });
    }
    const lost = calls.filter(({ outcome }) => outcome === 'lost');
    const refused = calls.filter(({ outcome }) => outcome === 'refused').map(({ error }) => error);
    return {
      calls: calls.length,
      got: calls.filter(({ outcome }) => outcome === 'got').length,
      unavailable: lost.filter(({ error }) => error === 'temporarily_unavailable').length,
      brokenOff: lost.filter(({ error }) => error === null).length,
      unexpected: [...unexpected, ...refused].slice(0, 5),
      longest: calls.reduce((longest, { begun, ended }) => Math.max(longest, ended - begun), 0),
      itselfAgain,
    };
  }

  /** Each second another replica is killed and started again, so many times. */
  async killReplicas(times: number): Promise<void> {
    const starting = new Map<number, Promise<unknown>>();
    for (let time = 0; time < times; time++) {
      const index = time % 3;
      await starting.get(index); // it cannot be killed before it is there
      const replica = this.world.replica(index);
      await replica.kill();
      const removed = replica.stop();
      starting.set(index, Promise.all([removed, this.world.startReplica(index)]));
      await wait(1_000);
    }
    await Promise.all(starting.values());
  }

  /** Meanwhile nobody gets anything, an assertion of a run neither (CONFORMANCE B36). Gives what that was told. */
  async killPostgres(times: number): Promise<readonly string[]> {
    const { postgres, issuer } = this.world;
    const run = await startKeyedRun(this.surface, 0, this.key);
    const told: string[] = [];
    for (let time = 0; time < times; time++) {
      await postgres.end('SIGKILL');
      const { answer } = await present(this.surface, time, await assertionOf(run, issuer));
      told.push(`${answer?.status} ${errorOf(answer)}`);
      await wait(time % 2 === 0 ? BEYOND_PATIENCE : 500);
      await postgres.start();
      await wait(1_000);
    }
    return told;
  }

  /** Redis is killed, frozen, filled and flushed in turn, each for longer than it is waited for. */
  async hurtRedis(redis: TestRedis): Promise<void> {
    const faults: readonly (readonly [hurt: () => Promise<void> | void, heal: () => Promise<void> | void])[] = [
      [() => redis.kill(), () => redis.restart()],
      [() => redis.freeze(), () => redis.thaw()],
      [() => redis.fill(), () => redis.makeRoom()],
      [() => redis.flush(), () => undefined],
    ];
    for (const [hurt, heal] of faults) {
      await hurt();
      await wait(1_500);
      await heal();
      await wait(1_500);
    }
  }

  /** Both are gone at once, and Redis is there again first: empty, and then with all that it held. */
  async killPostgresAndRedis(redis: TestRedis): Promise<void> {
    const { postgres } = this.world;
    await Promise.all([postgres.end('SIGKILL'), redis.kill()]);
    await wait(500);
    await redis.restart();
    await wait(BEYOND_PATIENCE);
    await postgres.start();
    await wait(1_500);
    redis.freeze();
    await postgres.end('SIGKILL');
    await wait(500);
    redis.thaw();
    await wait(1_500);
    await postgres.start();
    await wait(1_000);
  }

  /** Fills the disk that the database is on, for longer than a request waits. Redis, where there is one, goes and comes meanwhile. */
  async fillDisk(disk: string, redis: TestRedis | null = null): Promise<void> {
    const ballast = path.join(disk, 'ballast');
    writeFileSync(ballast, '');
    for (const size of [1 << 20, 1 << 16, 1 << 12]) {
      const chunk = Buffer.alloc(size, 'x');
      for (let full = false; !full;) {
        try {
          appendFileSync(ballast, chunk);
        } catch {
          full = true;
        }
      }
    }
    await wait(BEYOND_PATIENCE);
    redis?.freeze();
    await wait(1_500);
    redis?.thaw();
    await wait(BEYOND_PATIENCE);
    rmSync(ballast);
    await this.world.postgres.start(); // as whoever keeps it running does, should it have given up
  }

  async #agent(replica: number, going: () => boolean): Promise<void> {
    while (going()) {
      const member = this.#families.any();
      const resource = pick(['crm', 'files'] as const);
      const { outcome } = await this.#chronicle.call(subjectOf(member, resource), () => this.surface.ask(replica, member.run, resource));
      if (outcome === 'lost') await wait(30);
    }
  }

  /** New runs, so that there are misses as well. */
  async #births(going: () => boolean): Promise<void> {
    for (let replica = 0; going(); replica++) {
      await this.#families.bear(replica);
      await wait(150);
    }
  }

  async #untilItselfAgain(): Promise<number> {
    const since = performance.now();
    const serves = async (replica: number): Promise<boolean> => {
      const [member] = (await startFamily(this.surface, replica, this.key)) ?? [];
      return member !== undefined && (await this.surface.ask(replica, member.run, 'crm')).sha256 !== null;
    };
    while (performance.now() - since < AGAIN_WITHIN) {
      if ((await Promise.all([0, 1, 2].map(serves))).every((served) => served)) break;
      await wait(50);
    }
    return performance.now() - since;
  }
}
