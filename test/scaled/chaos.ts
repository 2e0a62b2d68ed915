import { writeFileSync, rmSync, appendFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { Received } from '../crash/agents.js';
import { until } from '../rig/command-line.js';
import type { TestRedis } from '../rig/redis.js';
import { assertionOf, present, type KeyedRun } from './assertions.js';
import { Chronicle } from './chronicle.js';
import { Disturbances } from './disturbances.js';
import { Drills } from './drills.js';
import { Examination, type Examined } from './examination.js';
import { Families, pick, startFamily, subjectOf, type Member } from './families.js';
import { nothing, type Call } from './history.js';
import { firstVariant, type Resource } from './scaled-catalogue.js';
import type { RedisFault } from './redis-faults.js';
import type { ScaledWorld } from './scaled-world.js';
import { errorOf, type Surface } from './surface.js';

export interface Befallen extends Examined {
  readonly calls: number;
  /** Requests that got what they asked for, and those that a stop turned away. */
  readonly got: number;
  readonly refused: number;
  /** Requests that were told to try again, and those whose connection broke off. */
  readonly unavailable: number;
  readonly brokenOff: number;
  readonly reasons: ReadonlyMap<string, number>;
  /** Stops that were acknowledged, and those that were not, which may be in force or not. */
  readonly stops: number;
  readonly doubtful: number;
  readonly longest: number;
  /** Milliseconds from the end of the fault until all stops were lifted and every replica served a run that was started then. */
  readonly itselfAgain: number;
}

const AGENTS_PER_REPLICA = 4;
const AGAIN_WITHIN = 30_000;
/** Milliseconds: longer than a request waits for the database. */
const BEYOND_PATIENCE = 5_500;

/** Milliseconds between two stops. */
const BETWEEN_STOPS = 150;
/** Milliseconds: longer than most faults take, so that what was stopped before one is looked for after it. */
const LONG_STOP = 8_000;

/** Agents that ask for tokens, and stops that come and go, while something befalls replicas and database. */
export class Chaos {
  readonly #families: Families;
  readonly #chronicle = new Chronicle();
  readonly #drills: Drills;
  readonly #examination: Examination;

  constructor(
    private readonly world: ScaledWorld,
    private readonly surface: Surface,
    private readonly key: string,
  ) {
    this.#families = new Families(world, surface, this.#chronicle, key);
    this.#drills = new Drills(surface, this.#chronicle, this.#families);
    this.#examination = new Examination(world, this.#chronicle, this.#drills);
  }

  async begin(): Promise<void> {
    await this.#examination.begin();
    const disturbances = new Disturbances(this.#drills, this.world, this.surface, this.#chronicle, this.#families);
    await disturbances.changeCatalogue(firstVariant); // from now on it is known who owns what
  }

  get received(): readonly Received[] {
    return this.#examination.received;
  }

  /** `fault` ends when nothing hinders any more. */
  async under(fault: () => Promise<void>): Promise<Befallen> {
    const { calls, closures, reasons } = this.#chronicle;
    calls.length = 0;
    reasons.clear();
    const before = closures.length;
    for (let replica = 0; replica < 3; replica++) await this.#families.bear(replica);
    let going = true;
    const agents = [0, 1, 2].flatMap((replica) => Array.from({ length: AGENTS_PER_REPLICA }, () => this.#agent(replica, () => going)));
    const births = this.#births(() => going);
    let stopping = true;
    const stops = this.#stops(() => stopping);
    await wait(300);
    // there is something to hinder, also where the machine is slow
    await until(
      () => calls.some(({ outcome }) => outcome === 'got') && closures.slice(before).some(({ shut }) => shut.acknowledged !== null),
    );
    await fault();
    const since = performance.now();
    stopping = false;
    await stops;
    await this.#drills.settle();
    await this.#untilItselfAgain(since);
    const itselfAgain = performance.now() - since;
    going = false;
    await Promise.all([...agents, births]);

    const lost = calls.filter(({ outcome }) => outcome === 'lost');
    const acknowledged = closures.slice(before).filter(({ shut }) => shut.acknowledged !== null).length;
    return {
      ...(await this.#examination.examine()),
      calls: calls.length,
      got: calls.filter(({ outcome }) => outcome === 'got').length,
      refused: calls.filter(({ outcome }) => outcome === 'refused').length,
      unavailable: lost.filter(({ error }) => error !== null).length,
      brokenOff: lost.filter(({ error }) => error === null).length,
      reasons: new Map(reasons),
      stops: acknowledged,
      doubtful: closures.length - before - acknowledged,
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
  async killPostgres(times: number, run: KeyedRun): Promise<readonly string[]> {
    const { postgres, issuer } = this.world;
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

  /** One after the other, each for longer than Redis is waited for. */
  async hurtRedis(faults: readonly RedisFault[]): Promise<void> {
    for (const { hurt, heal } of faults) {
      await hurt();
      await wait(1_500);
      await heal();
      await wait(1_000);
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
      const { outcome } = await this.#ask(replica, member, pick(['crm', 'files']));
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

  /** Many short stops of any kind, and beside them long ones of what is only part of everything. */
  async #stops(going: () => boolean): Promise<void> {
    const again = async (stop: () => Promise<unknown>): Promise<void> => {
      while (going()) {
        await stop();
        await wait(BETWEEN_STOPS * (0.5 + Math.random()));
      }
    };
    const long = async (): Promise<void> => {
      for (const until = performance.now() + LONG_STOP * Math.random(); going() && performance.now() < until;) await wait(20);
    };
    await Promise.all([
      again(() => this.#drills.suspend(50 * Math.random())),
      again(() => this.#drills.suspend(0, pick(['run', 'agent']), long)),
    ]);
  }

  async #untilItselfAgain(since: number): Promise<void> {
    const serves = async (replica: number): Promise<boolean> => {
      const [member] = (await startFamily(this.surface, replica, this.key, (ask) => this.#chronicle.answer(nothing, ask))) ?? [];
      return member !== undefined && (await this.#ask(replica, member, 'crm')).outcome === 'got';
    };
    while (performance.now() - since < AGAIN_WITHIN) {
      if ((await Promise.all([0, 1, 2].map(serves))).every((served) => served)) break;
      await wait(50);
    }
  }

  #ask(replica: number, member: Member, resource: Resource): Promise<Call> {
    return this.#chronicle.call(subjectOf(member, resource), () => this.surface.ask(replica, member.run, resource));
  }
}
