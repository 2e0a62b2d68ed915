import { decodeJwt } from 'jose';
import { minter, mintingOf } from '../issuance/minting.js';
import { json, type Behaviour, type HostileAuthorizationServer } from '../rig/hostile-authorization-server.js';
import { closeOpened, hostile } from '../upstreams/exchanges.js';
import { insisting, refuse } from '../upstreams/profiles/vendor.js';
import { inShort } from '../upstreams/reading.js';
import { quirk } from './quirk.js';
import { issued, readRequests, serverThat } from './server.js';

afterEach(closeOpened);

const byKey = { method: 'private_key_jwt' } as const;
const bound = json({ ...issued, token_type: 'DPoP' });

quirk('Q10', async () => {
  const nonce = 'okta-nonce';
  const talk = await serverThat(
    ({ scopes, assertion, proof }) =>
      insisting(
        [
          [assertion === null, refuse('invalid_client', 401)],
          [scopes.length === 0, refuse('invalid_scope')],
          [proof === null, refuse('invalid_dpop_proof')],
          [proof?.claims['nonce'] !== nonce, json({ error: 'use_dpop_nonce' }, 400, { 'dpop-nonce': nonce })],
        ],
        bound,
      ),
    byKey,
    { proves: true },
  );
  const { wish, metadata, http, signing } = talk.asking;
  const { mintToken, log } = minter(http, signing);
  const mint = () => mintToken.mint(mintingOf(wish, metadata));
  expect(await mint()).toMatchObject({ kind: 'live', live: { token: { type: 'DPoP', binding: 'dpop' } } });
  const [first, second] = readRequests(talk.requests, talk.origin);
  expect([first?.proof?.claims['nonce'], second?.proof?.claims['nonce']]).toEqual([undefined, nonce]);
  expect(second?.proof?.claims.jti).not.toBe(first?.proof?.claims.jti);
  expect(second?.assertion?.claims.jti).not.toBe(first?.assertion?.claims.jti);
  expect(log.story()).toEqual(['token.requested', 'token.failed nonce_required', 'token.requested', 'token.issued dpop']);
  // the nonce is known from then on
  expect(await mint()).toMatchObject({ kind: 'live' });
  expect(talk.requests).toHaveLength(3);
});

/** Passes what comes to it on to a server that stands behind it under another name. */
function proxyTo(server: HostileAuthorizationServer, path: string): Behaviour {
  return async (response, { headers, body }) => {
    const passed = { 'content-type': 'application/x-www-form-urlencoded', dpop: String(headers['dpop']) };
    const answer = await fetch(`${server.issuer}${path}`, { method: 'POST', headers: passed, body });
    await json(await answer.text(), answer.status)(response, { method: 'POST', target: path, headers, rawHeaders: [], body });
  };
}

quirk('Q43', async () => {
  const behind = await hostile();
  const own = '/internal/token';
  let expected = '';
  behind.at(own, (response, request) => {
    const { htu } = decodeJwt(String(request.headers['dpop']));
    return (htu === expected ? bound : refuse('invalid_dpop_proof'))(response, request);
  });
  const talk = await serverThat(() => proxyTo(behind, own), byKey, { proves: true });
  const published = `${talk.origin}/token`;
  expected = published;
  expect(inShort(await talk.obtain())).toBe('token');
  expected = `${behind.issuer}${own}`;
  expect(inShort(await talk.obtain())).toBe('failed request_rejected');
  expect(readRequests(talk.requests, talk.origin).map(({ proof }) => proof?.claims['htu'])).toEqual([published, published]);
});
