import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { crm, startWorld, type RunBySecret, type World } from '../interop/world.js';
import { busyForMinutes } from '../policy/busy-for-minutes.js';

/*
 * The operator of a run names what the policy is to do, so that one world shows every obligation and every failure:
 * "share" shares tokens in the workflow, "three" counts, "short" shortens, "narrow" narrows, the others break something.
 */
const rego = `package corridor.token

default decision := {"allow": false, "reasons": [{"code": "no_rule"}]}

wish := input.run.operator

decision := {"allow": true, "reasons": [{"code": "shared"}], "obligations": {"isolation": "workflow"}} if wish == "share"

decision := {"allow": true, "reasons": [{"code": "short"}], "obligations": {"max_ttl": 60}} if wish == "short"

decision := {"allow": true, "reasons": [{"code": "narrowed"}], "obligations": {"scopes": ["crm:read"]}} if wish == "narrow"

decision := {"allow": true, "obligations": {"scopes": ["crm:read", "crm:write"]}} if wish == "widen"

decision := {"allow": true, "obligations": {"egress": true}} if wish == "unknown"

decision := {"allow": "yes"} if wish == "malformed"

decision := {"allow": true, "reasons": [{"code": "counted"}]} if {
	wish == "three"
	input.run.counters.tokens < 3
}

decision := {"allow": false, "reasons": [{"code": "enough"}]} if {
	wish == "three"
	not input.run.counters.tokens < 3
}

decision := {"allow": true, "reasons": [{"code": "parent_allows"}], "obligations": {"max_ttl": 100}} if wish == "parent"

decision := {"allow": false} if {
	wish == "slow"
	${busyForMinutes}
}
`;

let world: World;
beforeAll(async () => {
  world = await startWorld(rego);
}, 60_000);
afterAll(() => world.stop());

const answer = z.looseObject({
  error: z.string().optional(),
  access_token: z.string().optional(),
  expires_in: z.number().optional(),
  scope: z.string().optional(),
});

async function ask(run: RunBySecret, scope = 'crm:read') {
  const response = await fetch(`${world.corridor.issuer}/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from(`${run.id}:${run.secret}`).toString('base64')}` },
    body: new URLSearchParams({ grant_type: 'client_credentials', resource: crm, scope }),
  });
  return { status: response.status, retryAfter: response.headers.get('retry-after'), body: answer.parse(await response.json()) };
}

const runFor = (operator: string, more: Readonly<Record<string, unknown>> = {}) => world.startRun({ operator, ...more });

describe('the obligation', () => {
  it('isolation: workflow lets runs share one token, which ends with the last of them', async () => {
    const [one, other] = [await runFor('share'), await runFor('share')];
    const first = await ask(one);
    const second = await ask(other);
    expect(second.body.access_token).toBe(first.body.access_token);
    await world.endRun(one.id);
    expect((await ask(other)).body.access_token).toBe(first.body.access_token);
    await world.endRun(other.id);
    const third = await runFor('share');
    expect((await ask(third)).body.access_token).not.toBe(first.body.access_token);
  });

  it('max_ttl caps what is left of the token, and the record holds both times', async () => {
    const { body } = await ask(await runFor('short'));
    expect(body.expires_in).toBeLessThanOrEqual(60);
    expect(body.expires_in).toBeGreaterThan(50);
    const { token } = z
      .looseObject({ token: z.object({ expires_at: z.string(), served_until: z.string() }).loose() })
      .parse(await world.entry(body['attribution']));
    expect(Date.parse(token.expires_at) - Date.parse(token.served_until)).toBeGreaterThan(3_000_000);
  });

  it('scopes may be fewer than asked, and are said (B49, B55)', async () => {
    const { body } = await ask(await runFor('narrow'), 'crm:read crm:write');
    expect(body.scope).toBe('crm:read');
    expect(await world.entry(body['attribution'])).toMatchObject({
      scope: { requested: ['crm:read', 'crm:write'], decided: ['crm:read'], granted: ['crm:read'] },
    });
  });
});

describe('a policy', () => {
  it.each([
    ['widen', 400, 'access_denied', 'policy_broader_than_asked'],
    ['unknown', 400, 'access_denied', 'policy_unknown_obligation'],
    ['malformed', 400, 'access_denied', 'policy_malformed'],
    ['nobody', 400, 'access_denied', 'no_rule'],
    ['slow', 503, 'temporarily_unavailable', 'policy_timeout'],
  ])('that answers to "%s" gets no token (B44)', async (operator, status, error, code) => {
    const given = await ask(await runFor(operator));
    expect(given).toMatchObject({ status, body: { error, reasons: [{ code }] } });
    expect(given.retryAfter === null).toBe(status !== 503);
    expect(await world.entry(given.body['attribution'])).toMatchObject({
      type: 'token.denied',
      decision: { allow: false, revision: expect.stringMatching(/^sha256:/) },
    });
  });

  it('that counts is never outrun, however many ask at once', async () => {
    const run = await runFor('three');
    // each scope set is a token of its own
    const scopes = ['crm:read', 'crm:write', 'crm:read crm:write'];
    const answers = await Promise.all([...scopes, ...scopes, ...scopes].map((scope) => ask(run, scope)));
    const given = answers.filter(({ status }) => status === 200).map(({ body }) => body.access_token);
    expect(new Set(given).size).toBeLessThanOrEqual(3);
    expect(given.length).toBeGreaterThan(0);
    expect(await ask(run, 'crm:read')).toMatchObject({ status: 400, body: { reasons: [{ code: 'enough' }] } });
    const other = await runFor('three');
    expect((await ask(other)).status).toBe(200);
  });

  it('decides a child as its ancestors too: all must allow, and the shortest life wins', async () => {
    const parent = await runFor('parent');
    const denied = await runFor('nobody');
    const child = await runFor('share', { parent: parent.id });
    const given = await ask(child);
    expect(given.status).toBe(200);
    expect(given.body.expires_in).toBeLessThanOrEqual(100);
    const orphan = await runFor('share', { parent: denied.id });
    expect(await ask(orphan)).toMatchObject({
      status: 400,
      body: { error: 'access_denied', reasons: [{ code: 'no_rule', ancestor: denied.id }] },
    });
  });
});
