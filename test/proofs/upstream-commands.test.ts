import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { crm, ledger, startWorld, type World } from '../interop/world.js';
import { corridorCommand } from '../rig/command-line.js';

let world: World;
let env: Record<string, string>;
let issuer: string;
beforeAll(async () => {
  world = await startWorld();
  issuer = world.authorizationServer.issuer;
  env = { CORRIDOR_URL: world.corridor.url, CORRIDOR_KEY: world.corridor.adminKey };
}, 60_000);
afterAll(() => world.stop());

const corridor = (...args: string[]) => corridorCommand(args, env);

describe('corridor upstream preview', () => {
  it('shows what would be used of a real server and why, and keeps nothing (A69, A70)', async () => {
    const printed = await corridor('upstream', 'preview', issuer, '--allow-host', '127.0.0.1');
    expect(printed).toMatchObject({ code: 0, err: '' });
    expect(printed.out).toContain(`${issuer}/.well-known/oauth-authorization-server`);
    expect(printed.out).toMatch(new RegExp(`^issuer +the same, to the byte\ntoken endpoint +${issuer}/token$`, 'm'));
    expect(printed.out).toMatch(/^would be used +yes\nmethod +private_key_jwt with ES256$/m);
    expect(printed.out).toContain(`    issuer: "${issuer}"\n    profile: standard\n    allow_hosts: ["127.0.0.1"]`);
    expect(world.corridor.output()).toMatch(/"event":"hosts_allowed".*reach 127\.0\.0\.1 at any address/);
    expect(JSON.parse((await corridor('upstream', 'show', 'upstream', '--json')).out)).toMatchObject({ metadata: null });
  });

  it('reaches no private address that nobody allowed', async () => {
    expect(await corridor('upstream', 'preview', issuer)).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringContaining('must be https'),
    });
    expect(await corridor('upstream', 'preview', 'https://127.0.0.1:9')).toMatchObject({
      code: 1,
      err: expect.stringContaining('loopback'),
    });
    expect((await corridor('upstream', 'preview')).code).toBe(2);
    expect((await corridor('upstream', 'preview', issuer, '--resource', crm)).code).toBe(2);
  });

  it('fails where the server would not be used, and says what was found', async () => {
    expect(await corridor('upstream', 'preview', 'http://127.0.0.1:9', '--allow-host', '127.0.0.1')).toMatchObject({
      code: 1,
      out: expect.stringMatching(/would be used +no/),
      err: expect.stringContaining('would not be used'),
    });
  });

  it('reads what a resource says of itself as a hint (A77, A78)', async () => {
    const { out } = await corridor('upstream', 'preview', '--resource', world.mcp.url, '--allow-host', '127.0.0.1', '--json');
    const preview = z.looseObject({ came: z.string(), authorization_servers: z.array(z.unknown()) }).parse(JSON.parse(out));
    expect(preview).toMatchObject({ came: 'document', authorization_servers: [{ issuer: world.corridor.issuer, declared_as: null }] });
    const printed = await corridor('upstream', 'preview', '--resource', world.mcp.url, '--allow-host', '127.0.0.1');
    expect(printed.out).toMatch(/ {2}http\S+\/oauth2 +not declared, and not contacted/);
  });
});

describe('corridor client check', () => {
  it('gets a token of one scope, holds it against what was asked, and records that (A91)', async () => {
    const passed = await corridor('client', 'check', 'indexer', '--json');
    expect(passed).toMatchObject({ code: 0, err: '' });
    const checked = z.looseObject({ run: z.string(), entry: z.string() }).parse(JSON.parse(passed.out));
    expect(checked).toMatchObject({
      client: 'indexer',
      result: 'passed',
      asked: { resource: { id: 'crm', uri: crm }, scope: ['crm:read'], token_type: 'Bearer' },
      returned: { scope: ['crm:read'], audience: [crm], token_type: 'Bearer' },
      // its server can revoke no JWT
      revocation: 'unsupported',
      problems: [],
      notes: [expect.stringContaining('cannot revoke it: it lives until')],
    });
    expect(await world.entry(checked.entry)).toMatchObject({
      type: 'client.checked',
      client: 'indexer',
      run: checked.run,
      result: 'passed',
    });
    const entries = await world.corridor.api('GET', `/v1/entries?run=${checked.run}`);
    const types = z
      .object({ entries: z.array(z.looseObject({ type: z.string() })) })
      .parse(entries.body)
      .entries.map(({ type }) => type);
    expect(types.toReversed()).toEqual(['run.started', 'token.requested', 'token.issued', 'token.exposed', 'run.ended', 'client.checked']);
  });

  it('revokes what can be revoked, and says in a table what came back', async () => {
    const { code, out } = await corridor('client', 'check', 'indexer', '--resource', 'ledger');
    expect(code).toBe(0);
    expect(out).toMatch(
      new RegExp(
        `asked +returned\nscope +ledger:read +ledger:read\naudience +${ledger} +unverified\nlifetime +at most 3600 s +\\d+ s\ntoken type +Bearer +Bearer\nbinding +none +none\n`,
      ),
    );
    expect(out).toMatch(/revocation: revoked\nnote: its audience cannot be learned[^\n]*\nRecorded as ent/);
    const issued = await world.authorizationServer.issued();
    expect(issued.at(-1)).toMatchObject({ resource: ledger, revoked_at: expect.any(Number) });
  });

  it('fails where the policy does not let a run have it, and asks the server for nothing', async () => {
    const before = (await world.authorizationServer.issued()).length;
    const denied = await corridor('client', 'check', 'indexer', '--resource', 'crm', '--scope', 'crm:write');
    expect(denied).toMatchObject({ code: 1, err: 'Client indexer did not pass: denied.\n' });
    expect(denied.out).toContain('wrong: denied: the policy does not let this run have a token, so nothing was sent: scope_not_granted');
    expect(await world.authorizationServer.issued()).toHaveLength(before);
    expect((await corridor('posture')).out).toMatch(/^warning +client_check_failed +client indexer +its last check, at \S+, found denied/m);
    expect((await corridor('client', 'check', 'indexer')).code).toBe(0);
    expect((await corridor('posture')).out).not.toContain('client_check_failed');
  });

  it('says what there is to choose from', async () => {
    expect(await corridor('client', 'check', 'nobody')).toMatchObject({ code: 1, out: '', err: expect.stringContaining('no such client') });
    expect((await corridor('client', 'check', 'indexer', '--resource', 'billing')).err).toContain('reaches crm, ledger, mcp');
    expect((await corridor('client', 'check', 'indexer', '--scope', 'x')).err).toContain('no such scope');
    expect((await corridor('client', 'check', 'indexer', '--workflow', 'x')).err).toContain('serves nightly-index');
    expect((await corridor('client', 'check', 'indexer', '--purpose', 'x')).err).toContain('has search-indexing');
  });
});

describe('corridor upstream show, refresh and approve', () => {
  it('show what is kept since a token was first wanted', async () => {
    const { code, out } = await corridor('upstream', 'show', 'upstream');
    expect(code).toBe(0);
    expect(out).toMatch(new RegExp(`^token endpoint +${issuer}/token$`, 'm'));
    expect(out).toMatch(/^from +http\S+\/\.well-known\/\S+\nsince +\S+Z\nlast read +\S+Z$/m);
    expect((await corridor('upstream', 'show')).out).toMatch(new RegExp(`^upstream +${issuer} +in use$`, 'm'));
    expect(JSON.parse((await corridor('upstream', 'refresh', 'upstream', '--json')).out)).toMatchObject({
      fault: null,
      metadata_drift: [],
    });
  });

  it('say what is wrong', async () => {
    const digest = '0'.repeat(64);
    expect(await corridor('upstream', 'approve', 'upstream', '--digest', digest)).toMatchObject({
      code: 1,
      err: expect.stringContaining('nothing waits for approval'),
    });
    expect((await corridor('upstream', 'approve', 'upstream')).code).toBe(2);
    expect((await corridor('upstream', 'show', 'nobody')).err).toContain('no such authorization server');
  });
});
