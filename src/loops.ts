import type { Corridor } from './compose.js';
import type { Settings } from './config/settings.js';
import { INTENT_DEADLINE } from './issuance/mint-token.js';
import type { WorkKind } from './issuance/early-notice.js';
import { WorkLoop, type Chore } from './issuance/work-loop.js';
import type { Journal } from './platform/journal.js';
import type { Platform } from './platform/platform.js';
import type { WatchedPolicy } from './watched-policy.js';

/** What is done again and again: every so many milliseconds, and sooner where a word comes that there is such work. */
interface Chores {
  readonly chore: Chore;
  readonly every: number;
  readonly kind?: WorkKind;
}

/** Those that the role has: what is left to be done is a worker's; what rests on the memory of who answers is not. `renew`: `renewing`. */
export function startLoops(
  corridor: Corridor,
  { inputRetention, role }: Settings,
  journal: Journal,
  renew: () => Promise<void>,
): WorkLoop[] {
  const { notice } = corridor;
  const chores = [
    ...(role === 'api' ? [] : workOf(corridor, inputRetention, journal, renew)),
    ...(role === 'worker' ? [] : ownOf(corridor)),
  ];
  const loops = chores.map(({ chore, every, kind }) => {
    const loop = new WorkLoop(chore, every, (error) => corridor.faultLog.write(error));
    loop.start();
    if (kind !== undefined) notice?.onWork(kind, () => loop.nudge());
    return loop;
  });
  // what a process that died has left open is past its deadline by then
  notice?.workLeft('intents', INTENT_DEADLINE);
  return loops;
}

/** Tokens in use are known where they were handed out. */
function ownOf(corridor: Corridor): readonly Chores[] {
  return [{ chore: () => corridor.renewTokens.turn(), every: 500 }];
}

function workOf(corridor: Corridor, inputRetention: number, journal: Journal, renew: () => Promise<void>): readonly Chores[] {
  return [
    { kind: 'revocations', chore: () => corridor.revokeDue.turn(), every: 500 },
    { chore: () => corridor.changeFacts.withdrawMore(null), every: 1_000 },
    { kind: 'intents', chore: () => corridor.closeIntents.closeOverdue(), every: 2_000 },
    { kind: 'run_ends', chore: () => corridor.closeRuns.turn(), every: 1_000 },
    { kind: 'rotations', chore: () => corridor.rotateCredentials.turn(), every: 1_000 },
    { chore: async () => (await corridor.replayGuard.forget()) > 0, every: 30_000 },
    { chore: async () => (await corridor.decisionInputs.forget(inputRetention)) > 0, every: 30_000 },
    { kind: 'credentials', chore: once(renew), every: 30_000 },
    { chore: once(() => refreshMetadata(corridor, journal)), every: 30_000 },
  ];
}

/** All that there is to do is done in one turn. */
function once(chore: () => Promise<void>): Chore {
  return async () => {
    await chore();
    return false;
  };
}

/** Makes versions that are missing, and begins the rotations whose time has come. What hinders it is said once, until it is gone. */
export function renewing(corridor: Corridor, journal: Journal): () => Promise<void> {
  let said: readonly string[] = [];
  return async () => {
    const { problems, changed } = await corridor.renewCredentials.renew();
    const failures = await corridor.beginRotation.beginDue(changed);
    const messages = [...problems, ...failures].map(({ message }) => message);
    for (const message of messages) if (!said.includes(message)) journal.note('warning', 'credential_unusable', { message });
    said = messages;
  };
}

async function refreshMetadata(corridor: Corridor, journal: Journal): Promise<void> {
  for (const { authorizationServer, moved } of await corridor.refreshMetadata.turn()) {
    journal.note('warning', 'metadata_drift', {
      authorization_server: authorizationServer,
      fields: moved.map(({ field }) => field).join(', '),
      do: `corridor upstream show ${authorizationServer}`,
    });
  }
}

/**
 * Says when it is not ready any more and why, and when it is again: once for each change, when a probe or this loop finds it, so also
 * where nobody probes.
 */
export function watchReadiness({ readiness, faultLog }: Corridor, journal: Journal): WorkLoop {
  readiness.onChange((reasons) => {
    if (reasons.length === 0) journal.note('info', 'readiness_back');
    else journal.note(reasons.some(({ code }) => code === 'closing') ? 'info' : 'error', 'readiness_lost', { reasons });
  });
  const look = once(async () => void (await readiness.look()));
  const loop = new WorkLoop(look, 5_000, (error) => faultLog.write(error));
  loop.nudge();
  return loop;
}

/**
 * Facts that other processes change, with the policy that they activate, which concerns those that decide: looked for each second, and at
 * once when there is notice of a change. What was seen is kept each second by itself: a stop is not to wait until a file is on the disk.
 */
export function followOthers(platform: Platform, policy: WatchedPolicy | null, corridor: Corridor): WorkLoop[] {
  const each = (chore: () => Promise<void>): WorkLoop => new WorkLoop(once(chore), 1_000, (error) => corridor.faultLog.write(error));
  const following = each(async () => {
    if (policy === null) await corridor.facts.latest();
    await policy?.loadActive();
    platform.lastSeen?.noteEpoch((await corridor.facts.current()).epoch);
  });
  const keeping = each(async () => platform.lastSeen?.save());
  for (const loop of [following, keeping]) loop.start();
  platform.listen(() => following.nudge());
  return [following, keeping];
}
