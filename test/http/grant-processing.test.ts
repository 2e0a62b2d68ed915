import net from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { json, text } from '../rig/hostile-authorization-server.js';
import { bare, basic, billing, bound, crm, form, hidden, issue, TokenDoor, type SecretRun, type TokenAnswer } from './token-door.js';

let door: TokenDoor;
let run: SecretRun;
beforeAll(async () => {
  door = await TokenDoor.open();
  run = await door.startRun();
}, 60_000);
afterEach(() => void door.server.at('/token', issue()));
afterAll(() => door.close());

const saying = (answer: TokenAnswer) => ({ status: answer.status, error: answer.body['error'], reasons: answer.body['reasons'] });

describe('a decision', () => {
  it('that denies is recorded, and the authorization server hears nothing (B43)', async () => {
    const before = door.server.requests.length;
    const denied = await door.ask(run, { resource: crm, scope: 'crm:write' });
    expect(saying(denied)).toEqual({ status: 400, error: 'access_denied', reasons: [{ code: 'scope_not_granted', scope: 'crm:write' }] });
    expect(door.server.requests).toHaveLength(before);
    const entries = (await door.entriesOf(run.id)).map(({ id, type }) => ({ id, type }));
    expect(entries).toContainEqual({ id: denied.body['attribution'], type: 'token.denied' });
    expect(entries.filter(({ type }) => type === 'token.requested')).toEqual([]);
  });

  it('is said as the table has it, each cause as its code (B65)', async () => {
    const [over, withoutClient, stopped] = [await door.startRun(), await door.startRun({ workflow: 'no-client' }), await door.startRun()];
    await door.endRun(over.id);
    await door.corridor.api('POST', '/v1/suspensions', { kind: 'run', id: stopped.id, reason: 'a drill' });
    const causes: readonly (readonly [SecretRun, Record<string, string>, string, string])[] = [
      [run, { resource: crm, scope: 'crm:write' }, 'access_denied', 'scope_not_granted'],
      [stopped, { resource: crm }, 'access_denied', 'suspended'],
      [over, { resource: crm }, 'unauthorized_client', 'run_ended'],
      [withoutClient, { resource: crm }, 'unauthorized_client', 'no_client'],
      [withoutClient, {}, 'unauthorized_client', 'no_client'],
      [run, { resource: hidden }, 'invalid_target', 'resource_not_available'],
      [run, { resource: 'https://nowhere.example' }, 'invalid_target', 'resource_not_available'],
      [run, {}, 'invalid_target', 'resource_ambiguous'],
      [run, { resource: crm, scope: 'crm:admin' }, 'invalid_scope', 'scope_unknown'],
      [run, { resource: billing }, 'invalid_scope', 'scope_missing'],
    ];
    for (const [asking, parameters, error, code] of causes) {
      const { status, body } = await door.ask(asking, parameters);
      expect({ status, body }).toEqual({
        status: 400,
        body: {
          error,
          error_description: expect.any(String),
          reasons: [expect.objectContaining({ code })],
          decision: expect.stringMatching(/^dec/),
          attribution: expect.stringMatching(/^ent/),
        },
      });
    }
  });
});

describe('a scope', () => {
  it.each([
    'crm:read  crm:write',
    ' crm:read',
    'crm:read ',
    'crm:read\tcrm:write',
    'crm:read\n',
    'a"b',
    'a\\b',
    'caf\u00e9',
    '\u0007',
    'crm:read,crm:write',
    '*',
    'crm:*',
    'CRM:READ',
    'billing:read',
  ])('%j is refused (B47, B49)', async (scope) => {
    expect(await door.ask(run, { resource: crm, scope })).toMatchObject({ status: 400, body: { error: 'invalid_scope' } });
  });

  it('that is not asked is the documented default, and never everything (B48)', async () => {
    expect((await door.ask(run, { resource: crm })).body['scope']).toBe('crm:read');
    expect((await door.ask(run, { resource: crm, scope: '' })).body['scope']).toBe('crm:read');
    expect(saying(await door.ask(run, { resource: billing }))).toEqual({
      status: 400,
      error: 'invalid_scope',
      reasons: [{ code: 'scope_missing' }],
    });
  });

  it('is a set: what stands twice is asked once, and the answer says what was granted (B49)', async () => {
    const own = await door.startRun();
    expect((await door.ask(own, { resource: crm, scope: 'crm:read crm:read' })).body['scope']).toBe('crm:read');
    const asked = door.server.requestsAt('/token').map(({ body }) => new URLSearchParams(body).get('scope'));
    expect(asked.at(-1)).toBe('crm:read');
    const narrowing = await door.startRun();
    door.server.at('/token', issue({ scope: undefined }));
    expect((await door.ask(narrowing, { resource: billing, scope: 'billing:read' })).body['scope']).toBe('billing:read');
  });
});

describe('a resource', () => {
  it('whose tokens are bound to a key of Corridor gives a run none, before anything is asked for (D6)', async () => {
    const before = door.upstreamRequests;
    const refused = await door.ask(run, { resource: bound, scope: 'bound:use' });
    expect(saying(refused)).toEqual({ status: 400, error: 'access_denied', reasons: [{ code: 'egress_only' }] });
    expect(refused.body['error_description']).toBe(
      'tokens of this resource are bound to a key of Corridor, and are not handed out (egress_only)',
    );
    expect(door.upstreamRequests).toBe(before);
    const [entry] = (await door.entriesOf(run.id)).filter(({ id }) => id === refused.body['attribution']);
    expect(entry).toMatchObject({ type: 'token.refused', decision: { by: 'guardrail', allow: false } });
  });

  it('that is an origin is the same with a slash, and that is all that is the same (B53)', async () => {
    for (const same of [bare, `${bare}/`]) expect((await door.ask(run, { resource: same })).body['scope']).toBe('bare:use');
    const others = [
      `${bare}//`,
      `${bare}/?`,
      `${bare}:443`,
      `${bare}:443/`,
      `${bare}/.`,
      'https://BARE.example',
      'HTTPS://bare.example',
      'http://bare.example',
      'https://user@bare.example',
      'https://bare.example.',
      'https://bare%2Eexample',
      'https://b%61re.example',
      'https://bare.example/%2F',
    ];
    for (const other of others) {
      expect({ other, ...saying(await door.ask(run, { resource: other })) }).toEqual({
        other,
        status: 400,
        error: 'invalid_target',
        reasons: [{ code: 'resource_not_available' }],
      });
    }
  });

  it('that is unknown and one that is served to others look alike, and neither is asked for (A45, B50)', async () => {
    const before = door.upstreamRequests;
    const text = async (resource: string) => {
      const { body } = await door.ask(run, { resource });
      return { ...body, decision: '', attribution: '' };
    };
    expect(await text(hidden)).toEqual(await text('https://nowhere.example/api'));
    expect(door.upstreamRequests).toBe(before);
  });

  it.each([
    'crm',
    '',
    '//crm.example/api',
    '/api',
    `${crm}#`,
    `${crm}#x`,
    'https://crm.example/a pi',
    'https://crm.example/\u00e9',
    'urn:',
    'https://',
  ])('%j is no absolute URI without a fragment (B50)', async (resource) => {
    expect(
      saying(
        await door.send(`${form({ grant_type: 'client_credentials', scope: 'crm:read' })}&resource=${encodeURIComponent(resource)}`, {
          authorization: basic(run.id, run.secret),
        }),
      ),
    ).toMatchObject({ status: 400, error: 'invalid_target' });
  });

  it('is one at a time, also when it is the same twice (B51)', async () => {
    for (const second of [billing, crm, 'https://nowhere.example']) {
      const body = `${form({ grant_type: 'client_credentials', resource: crm })}&resource=${encodeURIComponent(second)}`;
      expect(saying(await door.send(body, { authorization: basic(run.id, run.secret) }))).toEqual({
        status: 400,
        error: 'invalid_target',
        reasons: [{ code: 'several_resources' }],
      });
    }
  });

  it('that is not asked is the only one that there is, else it is refused; a scope of another is refused (B52)', async () => {
    const single = await door.startRun({ workflow: 'one-resource' });
    expect((await door.ask(single, {})).body['scope']).toBe('crm:read');
    expect(saying(await door.ask(run, {}))).toEqual({ status: 400, error: 'invalid_target', reasons: [{ code: 'resource_ambiguous' }] });
    expect(saying(await door.ask(run, { resource: crm, scope: 'billing:read' }))).toMatchObject({ error: 'invalid_scope' });
    expect(saying(await door.ask(run, { resource: crm, scope: 'crm:read billing:read' }))).toMatchObject({ error: 'invalid_scope' });
  });
});

describe('a token', () => {
  it('comes with what Corridor says and with nothing else that the server said (B55, B58, B61)', async () => {
    const canaries = {
      refresh_token: 'canary-1',
      id_token: 'canary-2',
      instance_url: 'https://canary-3.example',
      session_state: 'canary-4',
      ok: true,
      x: null,
    };
    door.server.at('/token', issue(canaries));
    const { status, body } = await door.ask(await door.startRun());
    expect({ status, body }).toEqual({
      status: 200,
      body: {
        access_token: expect.stringMatching(/^opaque-/),
        token_type: 'Bearer',
        expires_in: expect.any(Number),
        scope: 'crm:read',
        attribution: expect.stringMatching(/^ent/),
      },
    });
    expect(Number.isInteger(body['expires_in'])).toBe(true);
  });

  it('is called Bearer, whatever the server calls it and whatever else was sent (B59)', async () => {
    door.server.at('/token', issue({ token_type: 'bEARER' }));
    const own = await door.startRun();
    const { body } = await door.send(form({ grant_type: 'client_credentials', resource: crm }), {
      authorization: basic(own.id, own.secret),
      dpop: 'a.b.c',
    });
    expect(body['token_type']).toBe('Bearer');
    door.server.at('/token', issue({ token_type: 'DPoP' }));
    expect(saying(await door.ask(await door.startRun()))).toMatchObject({ status: 502, error: 'server_error' });
  });

  it('lives no longer than what is left upstream, less each time that it is handed out (B60)', async () => {
    door.server.at('/token', issue({ expires_in: 40 }));
    const own = await door.startRun();
    const first = await door.ask(own);
    expect(first.body['expires_in']).toBeLessThanOrEqual(40);
    await wait(2_100);
    const again = await door.ask(own);
    expect(again.body['access_token']).toBe(first.body['access_token']);
    expect(again.body['expires_in']).toBeLessThanOrEqual(Number(first.body['expires_in']) - 2);
  });

  it('lives no longer than its run (B60)', async () => {
    const { body } = await door.ask(await door.startRun({ ttl: 20 }));
    expect(body['expires_in']).toBeLessThanOrEqual(20);
    expect(body['expires_in']).toBeGreaterThan(10);
  });

  it('that was given twice has two entries, also when the first answer never arrived (B46)', async () => {
    const own = await door.startRun();
    const body = form({ grant_type: 'client_credentials', resource: crm });
    const socket = net.connect(Number(door.url.port), door.url.hostname);
    socket.write(
      `POST /oauth2/token HTTP/1.1\r\nhost: ${door.url.host}\r\nauthorization: ${basic(own.id, own.secret)}\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    );
    const released = async () => (await door.entriesOf(own.id)).filter(({ type }) => type === 'token.released');
    for (let look = 0; look < 100 && (await released()).length === 0; look++) await wait(50);
    socket.destroy();
    const [lost] = await released();
    const again = await door.ask(own);
    const entries = await released();
    expect(entries.map(({ id }) => id).sort()).toEqual([lost?.['id'], again.body['attribution']].sort());
    expect(entries.map(({ cached }) => cached).sort()).toEqual([false, true]);
    expect(new Set(entries.map(({ issuance }) => issuance)).size).toBe(1);
    await door.endRun(own.id);
    const revoked = async () => (await door.entriesOf(own.id)).some(({ type }) => type === 'token.revoked');
    for (let look = 0; look < 100 && !(await revoked()); look++) await wait(100);
    expect(door.server.requestsAt('/revoke').map((request) => new URLSearchParams(request.body).get('token'))).toContain(
      again.body['access_token'],
    );
  });
});

describe('an outage of the authorization server', () => {
  it('is never said with 200: what is broader is 502 (B62)', async () => {
    door.server.at('/token', issue({ scope: 'crm:read crm:admin' }));
    expect(saying(await door.ask(await door.startRun()))).toMatchObject({ status: 502, error: 'server_error' });
  });

  it.each([
    ['is down', 503, text('', 503)],
    ['refuses our client, which is our fault', 503, json({ error: 'invalid_client' }, 401)],
    ['has had enough', 503, json({ error: 'slow_down' }, 429)], // the last: it is left alone for a while then
  ])('that %s is 503 with Retry-After, and never its own words (B62, B66)', async (_, status, behaviour) => {
    door.server.at('/token', behaviour);
    const answer = await door.ask(await door.startRun());
    expect(saying(answer)).toMatchObject({ status, error: 'temporarily_unavailable' });
    expect(answer.headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
    expect(answer.headers.get('www-authenticate')).toBeNull();
  });
});
