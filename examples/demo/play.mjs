// A day in the life of a run: what an agent asks, what Corridor decides, and what stays in the record.
// The agent uses openid-client as it comes from npm; nothing in it knows of Corridor.
import { createHash } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { decodeJwt } from 'jose';
import * as client from 'openid-client';

const crm = 'https://crm.example/api';
const billing = 'https://billing.example/api';

/** @param {{ world: import('./world.mjs').World, screen: import('./screen.mjs').Screen }} stage */
export async function play({ world, screen }) {
  const admin = (method, route, body) => administer(world, world.adminKey, method, route, body);

  screen.step('A runtime starts a run of the workflow nightly-index');
  const key = await admin('POST', '/v1/keys', { name: 'ci', roles: ['runtime'], runtime: 'ci' });
  const runtime = (method, route, body) => administer(world, key.key, method, route, body);
  const run = await runtime('POST', '/v1/runs', {
    workflow: 'nightly-index',
    purpose: 'search-indexing',
    operator: 'ada@example.com',
    agent: { name: 'indexer', version: '1.4.0', model: 'none' },
    ttl: 900,
  });
  screen.line('run', `${run.id}, for search-indexing, started by ada@example.com, 15 minutes at most`);
  screen.line('given', `${run.issuer} as its authorization server, and a client_id and client_secret of its own`);
  const agent = await client.discovery(
    new URL(run.issuer),
    run.client_id,
    run.client_secret,
    client.ClientSecretBasic(run.client_secret),
    { algorithm: 'oauth2', execute: [client.allowInsecureRequests] }, // plain http, since all of this is on loopback
  );

  /** The agent asks for a token; then the auditor's side of the same moment is read from the record and shown. */
  async function ask(scope, resource, expected) {
    screen.line('asks for', `${scope} at ${resource}`);
    const answer = await tokenFor(agent, { scope, resource });
    const { entries } = await admin('GET', `/v1/entries?run=${run.id}&limit=200`);
    const entry = entries.find(({ id }) => id === answer.attribution);
    showDecision(screen, entry?.decision);
    if (answer.token !== undefined) showToken(screen, answer);
    screen.expect('answered', expected.answered, answer.error ?? 'a token');
    screen.expect('recorded', expected.recorded, summary(entry), entry?.id);
    return { ...answer, entry };
  }

  screen.step('The run asks for a token, and calls the API with it');
  const first = await ask('crm:read', crm, { answered: 'a token', recorded: 'token.released, granted' });
  await callApi(world, screen, first.token);

  screen.step('It asks for the same again');
  const again = await ask('crm:read', crm, { answered: 'a token', recorded: 'token.released, granted, cached' });
  screen.expect('which is', 'the same token, in an entry of its own', compare(first, again));

  screen.step('It asks for a scope that the policy does not grant');
  await ask('crm:write', crm, { answered: 'access_denied', recorded: 'token.denied, scope_not_granted' });

  screen.step('It asks for a resource that its workflow has no business with');
  await ask('billing:read', billing, { answered: 'invalid_target', recorded: 'token.refused, resource_not_available' });

  screen.step('Somebody stops the workflow');
  const suspension = await admin('POST', '/v1/suspensions', { kind: 'workflow', id: 'nightly-index', reason: 'a drill', expires_at: null });
  screen.line('stopped', `${suspension.id} at epoch ${suspension.epoch}`);
  for (const { expires_at: until, revocation } of suspension.exposure) {
    screen.line('exposure', `one token is out until ${until}; revocation: ${revocation}`);
  }
  await ask('crm:read', crm, { answered: 'access_denied', recorded: 'token.refused, suspended' });

  screen.step('The stop is lifted');
  await admin('DELETE', `/v1/suspensions/${suspension.id}`);
  const fresh = await ask('crm:read', crm, { answered: 'a token', recorded: 'token.released, granted' });
  await callApi(world, screen, fresh.token);

  screen.step('The run ends, and asks once more');
  await runtime('POST', `/v1/runs/${run.id}/end`);
  await ask('crm:read', crm, { answered: 'unauthorized_client', recorded: 'token.refused, run_ended' });

  screen.step('An auditor has nothing but the hash of the first token');
  const hash = sha256(first.token ?? '');
  screen.text(`$ corridor trace ${hash}`);
  const { code, printed } = await world.command('trace', hash);
  screen.text(printed);
  screen.expect('leads', `to ${run.id}`, code === 0 && printed.includes(run.id) ? `to ${run.id}` : 'nowhere');
  return key.key;
}

/**
 * One token request: a token, or the error that openid-client made of the answer. Both name the entry that records it. What cannot
 * be served at the moment is asked for again, as by any agent.
 */
async function tokenFor(agent, parameters, again = 4) {
  try {
    const { access_token: token, attribution, expires_in: seconds } = await client.clientCredentialsGrant(agent, parameters);
    return { token, attribution, seconds };
  } catch (error) {
    const { error: code = error.code, cause } = error;
    if (code === undefined) throw error;
    if (again > 0 && code === 'temporarily_unavailable') {
      await wait(1_000);
      return await tokenFor(agent, parameters, again - 1);
    }
    return { error: code, attribution: cause?.attribution };
  }
}

function showDecision(screen, decision) {
  if (decision === undefined) return;
  const reasons = decision.reasons.map(({ code, ...about }) => [code, ...Object.values(about)].join(' '));
  const revision = decision.revision === undefined ? '' : `, revision ${decision.revision.slice(0, 'sha256:'.length + 8)}…`;
  screen.line('decided', `${decision.allow ? 'allow' : 'deny'}: ${reasons.join(', ')}  (${decision.by}${revision})`);
}

/** What the token says and how long it is served; its text is shown to nobody. */
function showToken(screen, { token, seconds }) {
  const { iss, aud, client_id: clientId, scope, jti, iat, exp } = decodeJwt(token);
  screen.line('token', `${scope} at ${aud}, for the client ${clientId}, from ${iss}, jti ${jti}`);
  screen.line('served', `for ${seconds} s of its ${exp - iat} s; the SHA-256 of its text is ${sha256(token).slice(0, 12)}…`);
}

/** What an entry is about, in one line: its type, the reasons, and whether the token came from the cache. */
function summary(entry) {
  if (entry === undefined) return 'nothing';
  const reasons = entry.decision?.reasons.map(({ code }) => code) ?? [];
  return [entry.type, ...reasons, ...(entry.cached === true ? ['cached'] : [])].join(', ');
}

function compare(first, again) {
  const token = again.token === first.token ? 'the same token' : 'another token';
  return `${token}, ${again.attribution === first.attribution ? 'in the same entry' : 'in an entry of its own'}`;
}

async function callApi(world, screen, token) {
  const response = await fetch(`${world.api}/customers`, { headers: { authorization: `Bearer ${token}` } });
  screen.expect('the API', 'takes it', response.ok ? 'takes it' : `answers ${response.status}`, await response.text());
}

async function administer(world, key, method, route, body) {
  const response = await fetch(world.url + route, {
    method,
    headers: { authorization: `Bearer ${key}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    body: body === undefined ? null : JSON.stringify(body),
    signal: AbortSignal.timeout(15_000),
  });
  if (!response.ok) throw new Error(`${method} ${route}: ${response.status} ${await response.text()}`);
  return response.json();
}

const sha256 = (text) => createHash('sha256').update(text).digest('hex');
