import { beforeEach, describe, expect, it } from '@jest/globals';
import { standardProfile } from '../../src/catalogue/profile.js';
import { AuthorizationDetails } from '../../src/oauth/authorization-details.js';
import { OAuthError } from '../../src/oauth/errors.js';
import type { Run } from '../../src/runs/run.js';
import { MemoryWorld, type MemoryReplica, type MemoryWorldOptions } from '../rig/memory-world.js';
import { answer, hangs, isDown, TruthfulServer } from '../rig/truthful-server.js';

const crm = 'https://crm.example/api';
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

let server: TruthfulServer;
let world: MemoryWorld;
let replica: MemoryReplica;
let run: Run;
const open = (options: Partial<MemoryWorldOptions> = {}): void => {
  world = new MemoryWorld({ http: (clock) => (server = new TruthfulServer(clock)), ...options });
  replica = world.replica();
  run = world.start();
};
beforeEach(() => open());

/** The token that a request gets, and how long it waited, while time goes on. */
async function ask(who = run, by = replica, all = [by]): Promise<{ token: string; waited: number; expiresIn: number }> {
  const before = world.clock.now();
  let waited = 0;
  const asking = by.ask(who, crm).then((release) => {
    waited = world.clock.now() - before;
    return release;
  });
  let settled = false;
  const settling = asking.then(
    () => (settled = true),
    () => (settled = true),
  );
  await Promise.race([settling, new Promise((resolve) => setImmediate(resolve))]);
  while (!settled) await world.pass(100, all, 100);
  const { accessToken, expiresIn } = await asking;
  return { token: accessToken.reveal(), waited, expiresIn };
}

/** Asks every so often for so long, and holds each token to the truth. */
async function traffic(every: number, duration: number, who = run): Promise<{ waits: number[]; refused: number; tokens: Set<string> }> {
  const [waits, tokens]: [number[], Set<string>] = [[], new Set()];
  let refused = 0;
  for (const end = world.clock.now() + duration; world.clock.now() < end; await world.pass(every, [replica])) {
    try {
      const { token, waited, expiresIn } = await ask(who);
      const truth = server.tokens.get(token);
      expect(truth?.expiresAt).toBeGreaterThanOrEqual(world.clock.now() + expiresIn * 1000);
      waits.push(waited);
      tokens.add(token);
    } catch (error) {
      if (!(error instanceof OAuthError)) throw error;
      refused++;
    }
  }
  return { waits, refused, tokens };
}

const entriesOf = (type: string) => world.log.entries.filter((entry) => entry.type === type);

describe('renewal ahead of time', () => {
  it.each([1_000, 7_000, 30_000])('in an hour of a request every %i ms on tokens of 60 s lets none but the first wait', async (every) => {
    const { waits, refused } = await traffic(every, HOUR);
    expect([waits[0], new Set(waits.slice(1)), refused]).toEqual([200, new Set([0]), 0]);
    // 60 s less the margin, of which 0.7 to 0.8 and half a second to look
    expect(server.calls.length).toBeGreaterThan(HOUR / (59.4 * 800 + 700) - 1);
    expect(server.calls.length).toBeLessThan(HOUR / (59.4 * 700) + 1);
  });

  it('has a decision, an intent and an outcome of its own for each, says why, and releases nothing', async () => {
    await traffic(5_000, 10 * MINUTE);
    const [intents, outcomes, releases] = [entriesOf('token.requested'), entriesOf('token.issued'), entriesOf('token.released')];
    expect(intents.map(({ members }) => members['cause'])).toEqual([undefined, ...intents.slice(1).map(() => 'renewal')]);
    expect(outcomes.map(({ members }) => members['cause'])).toEqual(intents.map(({ members }) => members['cause']));
    expect(new Set(intents.map(({ members }) => members['issuance'])).size).toBe(server.calls.length);
    expect(new Set(intents.map(({ members }) => (members['decision'] as { id: string }).id)).size).toBe(server.calls.length);
    expect(releases).toHaveLength(120);
    expect(releases.filter(({ members }) => members['cached'] === false)).toHaveLength(1);
  });

  it('asks for the authorization details that were asked for, which another replica hands on as they were granted (A46)', async () => {
    open({
      resources: { crm: { authorizationDetailsTypes: ['payment'] } },
      policy: ({ request }) => ({ allow: true, obligations: { authorization_details: request.authorization_details } }),
    });
    const [both, one] = [
      { type: 'payment', actions: ['initiate', 'status'] },
      { type: 'payment', actions: ['status'] },
    ];
    const details = AuthorizationDetails.parse(JSON.stringify([both]));
    Object.assign(server, { latency: 0 });
    server.behaviour = (_, __, form) => server.issue(form, { authorization_details: [one] });
    await replica.ask(run, crm, [], details);
    await replica.ask(run, crm, [], details);
    await world.pass(MINUTE, [replica]);
    expect(entriesOf('token.requested').map(({ members }) => [members['cause'], members['authorization_details']])).toEqual([
      [undefined, { requested: [both], decided: [both] }],
      ['renewal', { requested: [both], decided: [both] }],
    ]);
    const elsewhere = await world.replica({ alone: false }).ask(run, crm, [], details);
    expect([elsewhere.accessToken.reveal(), elsewhere.scope.tokens, elsewhere.details.elements]).toEqual(['opaque-1', [], [one]]);
    expect(server.calls).toHaveLength(2);
  });

  it('leaves a token alone that was asked for once, and one that nobody was handed since it came', async () => {
    await ask(world.start());
    await ask();
    await ask();
    await world.pass(HOUR, [replica]);
    expect(server.calls).toHaveLength(3); // the one of the second run was in use, and what came in its place was not
  });

  it('does not renew for a run that has ended, nor past its end, and says nothing then', async () => {
    const [ended, ending] = [world.start(), world.start({ expiresAt: world.clock.now() + 50_000 })];
    for (const one of [ended, ended, ending, ending]) await ask(one);
    world.end(ended);
    await world.pass(10 * MINUTE, [replica]);
    expect(server.calls).toHaveLength(2);
    expect(entriesOf('token.refused')).toEqual([]);
  });

  it('asks the policy again, and records its no', async () => {
    let allow = true;
    open({ policy: () => ({ allow, reasons: allow ? [] : [{ code: 'outside_hours' }] }) });
    await ask();
    await ask();
    allow = false;
    await world.pass(HOUR, [replica]);
    expect(server.calls).toHaveLength(1);
    const denials = entriesOf('token.denied');
    expect(denials.map(({ members }) => members['cause'])).toEqual(['renewal']);
    expect(denials[0]?.members['decision']).toMatchObject({ allow: false, reasons: [{ code: 'outside_hours' }] });
  });

  it('leaves the old token in use when it fails, to its end and not a second longer, and tries again with back-off', async () => {
    await ask();
    await traffic(1_000, 40_000);
    server.behaviour = isDown;
    const down = world.clock.now();
    const { waits, refused, tokens } = await traffic(1_000, 30_000);
    expect(tokens.size).toBe(1);
    expect(waits.length).toBeGreaterThan(15);
    expect(Math.max(...waits)).toBe(0);
    expect(refused).toBe(30 - waits.length);
    // at some time, at once where it comes so, then after 1, 2, 4, 8 and 8 s, a quarter more at most, and what the circuit keeps away
    expect(server.calls.filter(({ at }) => at >= down).length).toBeLessThanOrEqual(6);
    server.behaviour = (_, __, form) => server.issue(form);
    await world.pass(40_000, [replica]);
    expect((await ask()).token).toBe(`opaque-${server.tokens.size - 1}`);
  });

  it('lets no request wait for a renewal that hangs while the old token lives', async () => {
    await traffic(1_000, 40_000);
    server.behaviour = hangs;
    const { waits } = await traffic(1_000, 18_000);
    expect(Math.max(...waits)).toBe(0);
  });

  it('is made at another time for each token', async () => {
    const runs = Array.from({ length: 40 }, () => world.start());
    await Promise.all([...runs.map((one) => replica.ask(one, crm)), world.pass(1_000, [replica])]);
    const begun = world.clock.now();
    for (const one of runs) await replica.ask(one, crm);
    await world.pass(MINUTE, [replica]);
    const times = server.calls.slice(40).map(({ at }) => at - begun);
    expect(times).toHaveLength(40);
    expect(new Set(times).size).toBeGreaterThan(5);
    expect(Math.min(...times)).toBeGreaterThan(40_000);
    expect(Math.max(...times)).toBeLessThan(48_500);
  });

  it('on one of two replicas serves the other, which then takes the token that is there', async () => {
    const replicas = [world.replica({ alone: false }), world.replica({ alone: false })];
    for (let minute = 0; minute < 10; minute++) {
      for (let second = 0; second < 60; second += 5) {
        const tokens = [];
        for (const one of replicas) tokens.push((await ask(run, one, replicas)).waited);
        if (minute + second > 0) expect(tokens).toEqual([0, 0]);
        await world.pass(5_000, replicas);
      }
    }
    // a replica asks only where nobody has since the token came that it renews, but for what falls into the same half second
    const times = server.calls.map(({ at }) => at);
    const apart = times.slice(1).map((at, index) => at - (times[index] ?? 0));
    expect(apart.filter((gap) => gap > 500 && gap < 41_000)).toEqual([]);
    const turns = 1 + apart.filter((gap) => gap > 500).length;
    expect(turns).toBeGreaterThanOrEqual(12);
    expect(times.length).toBeLessThanOrEqual(2 * turns);
  });

  /** Answers with one text until its minute is over. */
  const repeatTheText = async (): Promise<void> => {
    server.behaviour = (_, __, form) => {
      const now = world.clock.now();
      const end = Math.ceil((now + 1) / MINUTE) * MINUTE;
      const left = Math.floor((end - now) / 1000);
      server.tokens.set(`text-${end}`, { text: `text-${end}`, resource: crm, scope: 'things:read', issuedAt: now, expiresAt: end });
      return answer(200, { access_token: `text-${end}`, token_type: 'Bearer', expires_in: left, scope: form.get('scope') });
    };
    await world.clock.pass(MINUTE - (world.clock.now() % MINUTE));
  };

  it('does not ask again and again a server that gives the same text until it is over', async () => {
    await repeatTheText();
    await traffic(1_000, 10 * MINUTE);
    expect(server.calls.length).toBeLessThan(60);
  });

  it('hands nobody the text that its server gave again, also where the profile says that it does', async () => {
    open({ server: { profile: { ...standardProfile, reusesTokens: true } } });
    await repeatTheText();
    const { waits, refused } = await traffic(5_000, 10 * MINUTE);
    const shared = entriesOf('token.issued').filter(({ members }) => 'shared_with' in members);
    expect(shared.length).toBeGreaterThan(5);
    expect(new Set(shared.map(({ members }) => members['cause']))).toEqual(new Set(['renewal']));
    expect([entriesOf('token.released').length, refused]).toEqual([waits.length, 0]);
  });
});
