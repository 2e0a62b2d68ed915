import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { WorkerPool } from '../../src/platform/evaluation/worker-pool.js';
import { Decide } from '../../src/policy/decide.js';
import type { Decision } from '../../src/policy/decision.js';
import { compiledPolicy } from './compiled-policy.js';
import { inputWith } from './example-input.js';
import { busyForMinutes } from './busy-for-minutes.js';

jest.setTimeout(60_000); // the compiler starts slowly on a busy machine

// The agent's name says what goes wrong; anything else is JSON that the policy answers with.
const rules = `
name := input.run.agent.name

decision := {"allow": true, "reasons": [{"code": "granted"}], "obligations": {"scopes": {"crm:read", "crm:list"}}} if name == "sets"

decision := {"allow": true} if {
	name == "loops"
	${busyForMinutes}
}

decision := {"allow": true} if name == "conflicts"

decision := {"allow": true, "reasons": []} if name == "conflicts"

decision := {"allow": true, "reasons": numbers.range(1, 100000000)} if name == "fills memory"

decision := {"allow": true, "reasons": [{"code": concat("", [x | some _ in numbers.range(1, 10000); x := "xxxxxxxxxx"])}]} if name == "is long"

decision := json.unmarshal(name)
`;

const revision = 'sha256:real';
const pool = new WorkerPool({ deadline: 5000, patience: 30_000 });
const hasty = new WorkerPool({ patience: 30_000 });
const randomness = { bytes: (length: number) => randomBytes(length) };

beforeAll(async () => {
  const policy = await compiledPolicy(rules);
  await Promise.all([pool.load(revision, policy), hasty.load(revision, policy)]);
});

afterAll(async () => {
  await Promise.all([pool.close(), hasty.close()]);
});

async function decisionBy(evaluator: WorkerPool, agent: string, named = revision): Promise<Decision> {
  const inputs = [inputWith({ agent, scopes: ['crm:list', 'crm:read'] })] as const;
  return (await new Decide(evaluator, { now: () => 0 }, randomness).decide({ revision: named, inputs, key: null })).decision;
}

const denied = (failure: boolean, reason: object): object => ({ allow: false, failure, reasons: [reason], obligations: {} });

describe('what a compiled policy answers', () => {
  it('is an allowance when it is one', async () => {
    expect(await decisionBy(pool, '{"allow": true, "obligations": {"max_ttl": 60}}')).toMatchObject({
      allow: true,
      obligations: { max_ttl: 60 },
    });
    expect(await decisionBy(pool, 'sets')).toMatchObject({ allow: true, obligations: { scopes: ['crm:list', 'crm:read'] } });
  });

  it.each([
    ['has no value', 'no JSON', denied(false, { code: 'policy_undefined' })],
    ['is true', 'true', denied(false, { code: 'policy_malformed', at: 'decision' })],
    ['is null', 'null', denied(false, { code: 'policy_malformed', at: 'decision' })],
    ['allows with a text', '{"allow": "true"}', denied(false, { code: 'policy_malformed', at: 'allow' })],
    ['is far too long', 'is long', denied(false, { code: 'policy_malformed', at: 'decision' })],
    [
      'obliges to what nobody knows',
      '{"allow": true, "obligations": {"delivery": "egress"}}',
      denied(false, { code: 'policy_unknown_obligation', obligation: 'delivery' }),
    ],
    [
      'is broader than asked',
      '{"allow": true, "obligations": {"scopes": ["crm:write"]}}',
      denied(false, { code: 'policy_broader_than_asked' }),
    ],
    ['contradicts itself', 'conflicts', denied(true, { code: 'policy_error' })],
    ['needs too much memory', 'fills memory', denied(true, { code: 'policy_error' })],
  ])('denies when it %s', async (_, agent, denial) => {
    expect(await decisionBy(pool, agent)).toMatchObject(denial);
  });

  it('denies when it never comes', async () => {
    expect(await decisionBy(hasty, 'loops')).toMatchObject(denied(true, { code: 'policy_timeout' }));
  });

  it('denies when nothing is loaded under this revision', async () => {
    expect(await decisionBy(pool, '{"allow": true}', 'sha256:other')).toMatchObject(denied(true, { code: 'policy_not_loaded' }));
  });

  it('denies when the input is too large', async () => {
    expect(await decisionBy(pool, 'x'.repeat(300_000))).toMatchObject(denied(false, { code: 'policy_input_refused' }));
  });

  it('denies when there is no turn to be had', async () => {
    const narrow = new WorkerPool({ threads: 1, waiting: 0 });
    try {
      await narrow.load(revision, await compiledPolicy(rules));
      expect(await decisionBy(narrow, '{"allow": true}')).toMatchObject(denied(true, { code: 'policy_overloaded' }));
    } finally {
      await narrow.close();
    }
  });
});
