import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { basic, crm, form, TokenDoor } from '../http/token-door.js';
import { until } from '../rig/command-line.js';

/** One that trusts the proxy which this test is. */
let door: TokenDoor;
beforeAll(async () => {
  door = await TokenDoor.open({ env: { CORRIDOR_TRUSTED_PROXIES: '127.0.0.1' } });
}, 60_000);
afterAll(() => door.close());

type Line = Readonly<Record<string, unknown>>;

/** What the log says, but for the time of each line. */
function lines(event: string): readonly Line[] {
  const all = door.corridor.output().split('\n').slice(0, -1);
  const parsed = all.filter((line) => line.startsWith('{')).map((line) => Object.entries(JSON.parse(line) as Line));
  return parsed
    .map((members): Line => Object.fromEntries(members.filter(([name]) => name !== 'time')))
    .filter((line) => line['event'] === event);
}

const grant = form({ grant_type: 'client_credentials', resource: crm });
const api = async (method: string, target: string, headers: Readonly<Record<string, string>>, body?: unknown) => {
  const response = await fetch(door.corridor.url + target, {
    method,
    headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    body: body === undefined ? null : JSON.stringify(body),
  });
  return { status: response.status, body: z.looseObject({ id: z.string().optional() }).parse(await response.json()) };
};

describe('behind a trusted proxy', () => {
  it('failed authentication is noted and throttled by the address that the proxy tells (B21)', async () => {
    const guess = async (address: string) => {
      const { status } = await api('GET', '/v1/keys', { authorization: `Bearer ${'x'.repeat(43)}`, 'x-forwarded-for': address });
      return status;
    };
    for (let time = 0; time < 20; time++) expect(await guess('203.0.113.1, 198.51.100.1')).toBe(401);
    expect(await guess('203.0.113.2, 198.51.100.1')).toBe(429);
    expect(await guess('198.51.100.2')).toBe(401);
    await until(() => lines('authentication_failed').length === 21 && lines('throttled').length === 1);
    expect(lines('authentication_failed').at(-1)).toEqual({
      level: 'warning',
      event: 'authentication_failed',
      surface: 'api',
      subject: null,
      address: '198.51.100.2',
      detail: 'key_unknown',
    });
    expect(lines('throttled').at(-1)).toMatchObject({ surface: 'api', address: '198.51.100.1' });
    const run = await door.startRun();
    expect((await door.send(grant, { authorization: basic(run.id, 'wrong'), 'x-forwarded-for': '2001:db8::7' })).status).toBe(401);
    await until(() => lines('authentication_failed').length === 22);
    expect(lines('authentication_failed').at(-1)).toMatchObject({ surface: 'token', subject: run.id, address: '2001:db8::7' });
  });

  it('its own URLs stay what they are (B9)', async () => {
    const forged = {
      'x-forwarded-host': 'evil.example',
      'x-forwarded-proto': 'https',
      'x-forwarded-prefix': '/evil',
      forwarded: 'host=evil.example',
    };
    const target = '/.well-known/oauth-authorization-server/oauth2';
    const [plain, told] = await Promise.all([api('GET', target, {}), api('GET', target, forged)]);
    expect(told).toEqual(plain);
    expect(told.body['issuer']).toBe(door.corridor.issuer);
  });

  it('no certificate is taken from a header (B78)', async () => {
    const cert = ':MIIBkTCB+wIJAKHHIG...:';
    const forged = {
      'client-cert': cert,
      'client-cert-chain': cert,
      'x-ssl-client-cert': '-----BEGIN%20CERTIFICATE-----',
      'x-ssl-client-verify': 'SUCCESS',
      'ssl-client-cert': cert,
      'x-forwarded-client-cert': 'Hash=00;Subject="CN=admin"',
      'x-client-cert': cert,
    };
    const run = await door.startRun();
    const bare = await door.send(form({ grant_type: 'client_credentials', client_id: run.id, resource: crm }), forged);
    expect(bare.body['error']).toBe('invalid_client');
    const before = door.upstreamRequests;
    const good = await door.send(grant, { ...forged, authorization: basic(run.id, run.secret) });
    expect(good).toMatchObject({ status: 200, body: { token_type: 'Bearer' } });
    expect(JSON.stringify(door.server.requestsAt('/token').slice(before))).not.toMatch(/client-cert/i);
    expect((await api('GET', '/v1/keys', forged)).status).toBe(401);
  });
});

describe('the security log', () => {
  const address = '198.51.100.9';
  const admin = () => ({ authorization: `Bearer ${door.corridor.adminKey}`, 'x-forwarded-for': address });
  const recorded = expect.stringMatching(/^ent/);
  /** The line may be read a little later than the answer. */
  const noted = async (action: string, subject?: string) => {
    const found = () =>
      lines('administered').findLast((line) => line['action'] === action && (subject === undefined || line['subject'] === subject));
    await until(() => found() !== undefined);
    return found();
  };
  const expectNoted = async (action: string, subject: string) =>
    expect(await noted(action, subject)).toEqual({
      level: 'info',
      event: 'administered',
      by: 'admin',
      key: expect.stringMatching(/^key/),
      address,
      action,
      subject,
      entry: recorded,
    });

  it('says who changed what, from where, and which entry records it', async () => {
    const key = await api('POST', '/v1/keys', admin(), { name: 'grace', roles: ['auditor'] });
    const keyId = String(key.body.id);
    await expectNoted('key.created', keyId);
    expect(lines('administered').filter((line) => line['action'] === 'key.created').length).toBe(2);

    const wish = { kind: 'operator', id: 'ada@example.com', reason: 'a private matter' };
    const suspension = String((await api('POST', '/v1/suspensions', admin(), wish)).body.id);
    await expectNoted('suspension.raised', suspension);
    await api('DELETE', `/v1/suspensions/${suspension}`, admin());
    await expectNoted('suspension.lifted', suspension);

    const run = await door.startRun();
    await api('POST', `/v1/runs/${run.id}/end`, admin());
    await expectNoted('run.ended', run.id);

    await api('POST', '/v1/clients/single/rotation', admin());
    await expectNoted('rotation.begun', 'single');
    await api('POST', '/v1/clients/single/rotation/registered', admin());
    await expectNoted('rotation.registered', 'single');
    await api('DELETE', '/v1/clients/single/rotation', admin());
    await expectNoted('rotation.cancelled', 'single');

    await api('POST', '/v1/clients/indexer/check', admin(), {});
    await expectNoted('client.checked', 'indexer');

    const source = (await readFile(door.corridor.configFile, 'utf8')).replace('max_token_ttl: 1h', 'max_token_ttl: 30m');
    const revision = String((await api('POST', '/v1/apply', admin(), { source })).body['revision']);
    await expectNoted('catalogue.changed', revision);

    await api('DELETE', `/v1/keys/${keyId}`, admin());
    await expectNoted('key.revoked', keyId);

    expect(await noted('policy.activated')).toEqual({
      level: 'info',
      event: 'administered',
      action: 'policy.activated',
      by: 'policy directory',
      key: null,
      address: null,
      subject: expect.stringMatching(/^sha256:/),
      entry: recorded,
    });
    for (const line of lines('administered'))
      expect((await door.corridor.api('GET', `/v1/trace?entry=${String(line['entry'])}`)).status).toBe(200);
  });

  it('holds no key, no secret, no reason and no name of a person, and no line for what changed nothing or was released', async () => {
    const before = lines('administered').length;
    await api('POST', '/v1/runs/run01nobody/end', admin());
    await api('DELETE', '/v1/keys/key01nobody', admin());
    await api('POST', '/v1/apply', admin(), { source: await readFile(door.corridor.configFile, 'utf8'), dry_run: true });
    await api('GET', '/v1/posture', admin());
    const run = await door.startRun();
    const said = door.corridor.output().length;
    expect((await door.ask(run)).status).toBe(200);
    await door.endRun(run.id);
    // what would have been said of them stands before this
    const last = String((await api('POST', '/v1/keys', admin(), { name: 'last', roles: ['auditor'] })).body.id);
    await noted('key.created', last);
    expect(door.corridor.output().slice(said).trim().split('\n')).toHaveLength(1);
    expect(lines('administered')).toHaveLength(before + 1);
    const everything = door.corridor.output();
    for (const hidden of [door.corridor.adminKey, door.runtimeKey, run.secret, 'a private matter', 'ada@example.com'])
      expect(everything).not.toContain(hidden);
  });
});
