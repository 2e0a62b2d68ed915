import { setTimeout as wait } from 'node:timers/promises';
import { until } from '../rig/command-line.js';
import { startFamily, type Member } from './families.js';
import { arm, untilFrozen } from './freeze.js';
import { patiently } from './patience.js';
import type { RecordedEntry } from './record-check.js';
import type { RecordReader } from './record-reader.js';
import type { ScaledWorld } from './scaled-world.js';
import type { Surface } from './surface.js';

/** Milliseconds that the authorization server takes then: time for all to be under way, and less than an exchange may take. */
const SLOW = 6_000;
/** Milliseconds for what is under way when a replica is told to stop. */
const END = 60_000;

/** Members of families that have not asked for anything yet. */
async function freshMembers(surface: Surface, key: string, families: number): Promise<readonly Member[]> {
  const started = await Promise.all(Array.from({ length: families }, (_, index) => startFamily(surface, index, key)));
  return started.flatMap((family) => family ?? []);
}

export interface Stopped {
  /** Answers to requests that were under way, by status. */
  readonly statuses: readonly (number | undefined)[];
  readonly unrecorded: readonly (string | null)[];
  /** Whether it came to its end by itself. */
  readonly inOrder: boolean;
}

/** Stops a replica in order while its requests are at the authorization server, and starts it again. */
export async function stopInOrder(world: ScaledWorld, surface: Surface, reader: RecordReader, key: string): Promise<Stopped> {
  const members = await freshMembers(surface, key, 4);
  await reader.more();
  await world.authorizationServer.delay({ before: SLOW });
  const asked = async (): Promise<number> => (await world.authorizationServer.requests())['POST /token'] ?? 0;
  const before = await asked();
  const replica = world.replica(1);
  const asking = members.map(({ run }) => patiently(() => surface.ask(1, run, 'files')));
  await until(async () => (await asked()) >= before + members.length);
  await wait(300); // a token may have been renewed meanwhile: then one of them is not there yet
  replica.signal('SIGTERM');
  await Promise.race([replica.ended, wait(END, undefined, { ref: false })]);
  await replica.stop();
  const answers = await Promise.all(asking);
  await world.authorizationServer.delay({ before: 0 });
  const recorded = new Set((await reader.more()).filter(({ type }) => type === 'token.released').map(({ id }) => id));
  await world.startReplica(1);
  return {
    statuses: answers.map(({ answer }) => answer?.status),
    unrecorded: answers.filter(({ entry }) => entry === null || !recorded.has(entry)).map(({ entry }) => entry),
    inOrder: replica.output().includes('"event":"stopped"'),
  };
}

export interface LeftOpen {
  /** What became of the intents of the replica that died and of the one that froze, and after how many milliseconds. */
  readonly outcomes: readonly (string | undefined)[];
  readonly closedAfter: number;
  /** What the one that froze answered when it woke, and whether the token that it had by then is revoked at its server. */
  readonly late: { readonly status: number | undefined; readonly error: unknown; readonly revoked: boolean };
}

/** One replica dies during an attempt, one freezes with a token in its hands: the third closes both intents, and the late outcome loses. */
export async function leaveIntentsOpen(world: ScaledWorld, surface: Surface, reader: RecordReader, key: string): Promise<LeftOpen> {
  const [first, second] = await freshMembers(surface, key, 1);
  if (first === undefined || second === undefined) throw new Error('no run could be started');
  await reader.more();
  await world.authorizationServer.delay({ before: SLOW });
  const frozen = world.replica(2);
  const moment = await arm(frozen, 'token request, after');
  const dying = patiently(() => surface.ask(1, first.run, 'files'));
  const freezing = patiently(() => surface.ask(2, second.run, 'files'));
  const entries: RecordedEntry[] = [];
  const isIntended = ({ run }: Member): boolean => entries.some((entry) => entry.run === run.id && entry.type === 'token.requested');
  await until(async () => {
    entries.push(...(await reader.more()));
    return isIntended(first) && isIntended(second); // durably, and the server has not answered
  });
  await world.replica(1).kill();
  await untilFrozen(frozen, moment);
  const since = performance.now();
  await world.authorizationServer.delay({ before: 0 });

  const outcomeOf = ({ run }: Member): string | undefined =>
    entries.find((entry) => entry.run === run.id && /^token\.(issued|unknown|failed|refused)$/.test(entry.type))?.type;
  while (outcomeOf(first) === undefined || outcomeOf(second) === undefined) {
    if (performance.now() - since > 60_000) break;
    await wait(250);
    entries.push(...(await reader.more()));
  }
  const closedAfter = performance.now() - since;
  frozen.signal('SIGCONT');
  const [, { answer }] = await Promise.all([dying, freezing]);
  const revoked = await untilRevoked(world, second, entries, reader);
  await world.replica(1).stop(); // what the rig made for it goes
  await world.startReplica(1);
  return { outcomes: [first, second].map(outcomeOf), closedAfter, late: { status: answer?.status, error: answer?.body['error'], revoked } };
}

/**
 * Whether every token of the run's client is revoked that the server issued since the run's intent, but those that were recorded in time:
 * others are renewed meanwhile.
 */
async function untilRevoked(
  { authorizationServer }: ScaledWorld,
  { run: { id } }: Member,
  entries: RecordedEntry[],
  reader: RecordReader,
): Promise<boolean> {
  const intent = entries.find(({ run, type }) => run === id && type === 'token.requested');
  for (const until = performance.now() + 15_000; performance.now() < until; await wait(200)) {
    entries.push(...(await reader.more()));
    const inTime = new Set(entries.flatMap(({ type, token }) => (type === 'token.issued' && token !== undefined ? [token.sha256] : [])));
    const issued = await authorizationServer.issued();
    const late = issued
      .filter(({ client_id: client, issued_at: at }) => client === intent?.['client_id'] && at >= (intent?.time ?? 0))
      .filter(({ sha256 }) => !inTime.has(sha256));
    if (late.length > 0 && late.every(({ revoked_at: revoked }) => revoked !== null)) return true;
  }
  return false;
}
