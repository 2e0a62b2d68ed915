import { profiles, standardProfile } from '../../../src/catalogue/profile.js';
import { json, type Behaviour } from '../../rig/hostile-authorization-server.js';
import { jwt } from '../answers.js';
import { closeOpened } from '../exchanges.js';
import { inShort, tokenOf } from '../reading.js';
import { NOW } from '../wish.js';
import { converse } from './conversation.js';
import type { Vendor } from './vendor.js';
import { vendors } from './vendors.js';

afterEach(closeOpened);

const vendorOf = (name: string): Vendor => {
  const found = vendors.find(({ profile }) => profile === name);
  if (found === undefined) throw new Error(`there is no server of ${name}`);
  return found;
};
const success = (members: Readonly<Record<string, unknown>>): Behaviour => json({ token_type: 'Bearer', expires_in: 3600, ...members });
const life = { iat: NOW / 1000, exp: NOW / 1000 + 3600 };

it('is had by every profile: a server that insists on what its vendor documents', () => {
  expect(vendors.map(({ profile }) => profile)).toEqual(Object.keys(profiles));
});

describe.each(vendors.map((vendor) => ({ ...vendor, vendor })))('the profile $profile', ({ profile, vendor }) => {
  it('gets a token of its vendor, and understands it', async () => {
    const { resource } = vendor;
    const talk = await converse(vendor);
    const token = tokenOf(await talk.obtain());
    expect(resource.scopes.every((scope) => token.granted.has(scope))).toBe(true);
    const extra = token.granted.tokens.filter((scope) => !resource.scopes.includes(scope));
    expect(extra).toEqual(profiles[profile]?.toleratedExtraScopes);
    const audience = profile === 'cognito' ? 'unverified' : [resource.audience ?? resource.uri ?? talk.origin];
    expect(token.audience).toEqual(audience);
    expect(token.usableUntil).toBeLessThan(token.expiresAt);
  });

  it('does with a token what its vendor can do about it (A91)', async () => {
    const talk = await converse(vendor);
    const token = tokenOf(await talk.obtain());
    const asked = talk.requests.length;
    const revokes = profiles[profile]?.revokesTokens === true;
    expect(await talk.revoke(token)).toEqual({ kind: revokes ? 'revoked' : 'unsupported' });
    // where nothing can come of it the text of the token goes nowhere
    expect(talk.requests).toHaveLength(asked + (revokes ? 1 : 0));
  });

  it('is what it takes: by the standard profile the same server is asked in vain, unless it does as the standards say', async () => {
    const talk = await converse(vendor, { profile: standardProfile, verifyAudience: true });
    expect(inShort(await talk.obtain()).startsWith(vendor.byStandard)).toBe(true);
  });
});

describe('keycloak', () => {
  it('grants its default scopes unasked, and no others (A56, Q25)', async () => {
    const talk = await converse(vendorOf('keycloak'));
    talk.answer(success({ access_token: 'opaque', scope: 'crm-read email offline_access' }));
    expect(inShort(await talk.obtain(['crm-read']))).toBe('refused scope_broader opaque');
  });

  it('adds the audience account to a client with full scope: refused, until the operator says that it may', async () => {
    const answer = success({ access_token: jwt({ aud: ['crm-api', 'account'], ...life }), scope: 'crm-read' });
    const strict = await converse(vendorOf('keycloak'));
    strict.answer(answer);
    expect(inShort(await strict.obtain(['crm-read']))).toMatch(/^refused audience_mismatch/);
    const profile = { ...standardProfile, ...profiles['keycloak'], toleratedExtraAudiences: ['account'] };
    const lenient = await converse(vendorOf('keycloak'), { profile });
    lenient.answer(answer);
    expect(tokenOf(await lenient.obtain(['crm-read'])).audience).toEqual(['crm-api', 'account']);
    lenient.answer(success({ access_token: jwt({ aud: ['account'], ...life }), scope: 'crm-read' }));
    expect(inShort(await lenient.obtain(['crm-read']))).toMatch(/^refused audience_mismatch/);
  });
});

describe('auth0', () => {
  it('is asked with audience, never with resource (Q5)', async () => {
    const talk = await converse(vendorOf('auth0'));
    await talk.obtain();
    expect([...new URLSearchParams(talk.requests[0]?.body).keys()]).toEqual(
      expect.arrayContaining(['audience', 'scope', 'client_assertion']),
    );
    expect(talk.requests[0]?.body).not.toContain('resource=');
  });

  it('refuses an audience that it does not know, or the client there, and nothing is wrong with the client otherwise', async () => {
    const talk = await converse(vendorOf('auth0'), { uri: 'https://files.example/api' });
    expect(inShort(await talk.obtain())).toBe('failed target_rejected');
  });

  it('says in a header of its own when it may be asked again (Q30)', async () => {
    const talk = await converse(vendorOf('auth0'));
    const busy = (headers: Readonly<Record<string, string>>): Behaviour => json({ error: 'too_many_requests' }, 429, headers);
    const pauses = [];
    const reset = { 'x-ratelimit-reset': String(NOW / 1000 + 17) };
    const said: readonly Readonly<Record<string, string>>[] = [
      reset,
      { ...reset, 'retry-after': '5' },
      { 'x-ratelimit-reset': String(NOW / 1000 - 1) },
      { 'x-ratelimit-reset': 'soon' },
      {},
    ];
    for (const headers of said) {
      talk.answer(busy(headers));
      pauses.push(await talk.obtain());
    }
    expect(pauses).toEqual([17, 5, 60, 60, 60].map((retryAfter) => ({ kind: 'failed', fault: 'throttled', retryAfter })));
  });
});

describe('entra', () => {
  it('is asked for the one scope .default of one resource, without resource (Q7, Q8)', async () => {
    const talk = await converse(vendorOf('entra'));
    await talk.obtain();
    const form = new URLSearchParams(talk.requests[0]?.body);
    expect(form.get('scope')).toBe('api://crm/.default');
    expect(form.has('resource')).toBe(false);
  });

  it('shows by its roles when the client holds more than the catalogue says (A44, A56)', async () => {
    const talk = await converse(vendorOf('entra'));
    const outcome = await talk.obtain(['Crm.Read.All']);
    expect(inShort(outcome)).toMatch(/^refused scope_broader/);
  });

  it('issues tokens of two versions, of its own tenant alone (Q9)', async () => {
    const talk = await converse(vendorOf('entra'));
    const token = (claims: object): Behaviour =>
      success({ access_token: jwt({ aud: 'api://crm', roles: ['Crm.Read.All', 'Crm.Write.All'], ...life, ...claims }) });
    talk.answer(token({ iss: 'https://sts.windows.net/9188040d/', appid: 'corridor-indexer' }));
    expect(inShort(await talk.obtain())).toBe('token');
    talk.answer(token({ iss: `${talk.origin}/9188040d/v2.0`, azp: 'corridor-indexer' }));
    expect(inShort(await talk.obtain())).toBe('token');
    talk.answer(token({ iss: 'https://sts.windows.net/another-tenant/' }));
    expect(inShort(await talk.obtain())).toMatch(/^refused issuer_mismatch/);
    talk.answer(token({ iss: 'https://sts.windows.net/9188040d/', appid: 'another-client' }));
    expect(inShort(await talk.obtain())).toMatch(/^refused client_mismatch/);
  });
});

describe('okta', () => {
  it('revokes for a key whose assertion is for the endpoint that is called, and for no other (Q10)', async () => {
    const talk = await converse(vendorOf('okta'));
    const token = tokenOf(await talk.obtain());
    expect(await talk.revoke(token)).toEqual({ kind: 'revoked' });
    const old = await converse(vendorOf('okta'), { profile: { ...profiles['okta']!, assertionAudience: 'token_endpoint' } });
    expect(await old.revoke(tokenOf(await old.obtain()))).toMatchObject({ kind: 'pending', fault: 'client_refused' });
  });

  it('names the client in cid, which must be ours', async () => {
    const talk = await converse(vendorOf('okta'));
    talk.answer(success({ access_token: jwt({ aud: 'api://default', cid: 'another-client', scp: ['crm.read'], ...life }) }));
    expect(inShort(await talk.obtain(['crm.read']))).toMatch(/^refused client_mismatch/);
  });
});

describe('cognito', () => {
  it('is asked for scopes by the identifier of their resource, and answers by it (Q17)', async () => {
    const talk = await converse(vendorOf('cognito'));
    expect(tokenOf(await talk.obtain(['read'])).granted.tokens).toEqual(['read']);
    expect(new URLSearchParams(talk.requests[0]?.body).get('scope')).toBe('crm/read');
    for (const scope of ['crm/read crm/write', 'read', 'crm/read aws.cognito.signin.user.admin']) {
      talk.answer(success({ access_token: jwt({ scope, ...life }) }));
      expect(inShort(await talk.obtain(['read']))).toMatch(/^refused scope_broader/);
    }
  });
});

describe('salesforce', () => {
  it('is asked for nothing by name, lives for a quarter of an hour unless it says otherwise, and is good at its instance (Q15)', async () => {
    const talk = await converse(vendorOf('salesforce'));
    const token = tokenOf(await talk.obtain());
    expect(talk.requests[0]?.body).toBe('grant_type=client_credentials');
    expect(token.usableUntil).toBe(NOW + 895_000);
    expect(token.expiresAt).toBe(NOW + 3_600_000);
    const members = { token_type: 'Bearer', access_token: '00D!x', scope: 'api cdp_query_api', issued_at: String(NOW) };
    talk.answer(json({ ...members, instance_url: 'https://elsewhere.example' }));
    expect(inShort(await talk.obtain())).toBe('refused audience_mismatch 00D!x');
    talk.answer(json({ ...members, instance_url: ['https://elsewhere.example', 1] }));
    expect(inShort(await talk.obtain())).toBe('refused audience_mismatch 00D!x');
    talk.answer(json(members));
    expect(tokenOf(await talk.obtain()).audience).toBe('unverified');
  });
});

describe('hydra', () => {
  it('spells token_type in lower case and the scopes as a list (Q23)', async () => {
    const talk = await converse(vendorOf('hydra'));
    talk.answer(success({ token_type: 'bearer', access_token: jwt({ aud: [], scp: ['crm.read'], ...life }) }));
    expect(tokenOf(await talk.obtain(['crm.read']))).toMatchObject({ type: 'Bearer', audience: 'unverified' });
  });
});

describe('another word for Bearer', () => {
  it('is one where the profile says so, in any case (A51, Q23)', async () => {
    const answer = success({ access_token: 'opaque', token_type: 'BearerToken' });
    const strict = await converse(vendorOf('standard'));
    strict.answer(answer);
    expect(inShort(await strict.obtain())).toBe('refused token_type_unusable opaque');
    const lenient = await converse(vendorOf('standard'), { profile: { ...standardProfile, otherBearerNames: ['bearertoken'] } });
    lenient.answer(answer);
    expect(tokenOf(await lenient.obtain()).type).toBe('Bearer');
  });
});
