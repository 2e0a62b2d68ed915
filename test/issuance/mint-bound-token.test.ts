import { prepareRelease } from '../../src/issuance/release-token.js';
import type { UpstreamResponse } from '../../src/upstreams/upstream-http.js';
import { jwt, response, success } from '../upstreams/answers.js';
import { ScriptedHttp } from '../upstreams/scripted-http.js';
import { ISSUER, metadata, server, signing, wishByKey } from '../upstreams/wish.js';
import { minter, mintingOf, type KeptLog } from './minting.js';

const wanting = response(400, '{"error":"use_dpop_nonce"}', { 'dpop-nonce': 'nonce' });

/** A request for a bound token at a server that answers so, by how often it was asked and by the thumbprint of the key. */
async function world(answer: (asked: number, thumbprint: string) => UpstreamResponse) {
  const means = signing();
  const proofKey = await means.proofs.keyFor('crekeyES256', null);
  const http: ScriptedHttp = new ScriptedHttp({ [`${ISSUER}/token`]: async () => answer(http.requests.length, proofKey.thumbprint) });
  const wish = await wishByKey({ server: server({ senderConstraint: 'dpop' }), proofKey });
  return { http, ...minter(http, means), minting: mintingOf(wish, metadata()) };
}

function identifiers({ kept }: KeptLog): unknown[] {
  return kept.flatMap(({ effect }) => (effect?.kind === 'intent' ? [effect.assertionJti] : []));
}

describe('a token that is to be bound to a key', () => {
  it('is asked for once more when the server wants a nonce, with an intent and an assertion of its own (A33)', async () => {
    const bound = (jkt: string) => success({ token_type: 'DPoP', access_token: jwt({ cnf: { jkt } }) });
    const { log, mintToken, minting } = await world((asked, thumbprint) => (asked === 1 ? wanting : bound(thumbprint)));
    const minted = await mintToken.mint(minting);
    expect(minted).toMatchObject({ kind: 'live', answer: null, live: { token: { type: 'DPoP', binding: 'dpop' } } });
    expect(log.story()).toEqual(['token.requested', 'token.failed nonce_required', 'token.requested', 'token.issued dpop']);
    expect(new Set(identifiers(log)).size).toBe(2);
    expect(log.kept[3]?.effect).toMatchObject({ kind: 'outcome', token: { binding: 'dpop' } });
  });

  it('is given up when the server wants a nonce again and again: two requests, and each has its outcome (A33)', async () => {
    const { http, log, mintToken, minting } = await world(() => wanting);
    expect(await mintToken.mint(minting)).toMatchObject({ kind: 'faulted', by: 'failed', fault: 'nonce_required' });
    expect(http.requests).toHaveLength(2);
    expect(log.story()).toEqual(['token.requested', 'token.failed nonce_required', 'token.requested', 'token.failed nonce_required']);
  });

  it('is not asked for again when that cannot be recorded as it was decided', async () => {
    const { http, log, mintToken, minting } = await world(() => wanting);
    log.verdicts.push('recorded', 'recorded', 'counters_moved');
    expect(await mintToken.mint(minting)).toMatchObject({ kind: 'faulted', fault: 'nonce_required' });
    expect(http.requests).toHaveLength(1);
  });

  it('is refused when it is none (A35)', async () => {
    const { log, mintToken, minting } = await world(() => success({ token_type: 'Bearer' }));
    expect(await mintToken.mint(minting)).toMatchObject({ kind: 'faulted', by: 'refused', fault: 'token_type_unusable' });
    expect(log.story()).toEqual(['token.requested', 'token.refused token_type_unusable unverified']);
    expect(log.kept[1]?.effect).toMatchObject({ state: 'refused', token: { sealed: Buffer.from('sealed') } });
  });

  it('is handed to nobody, whoever asks (D6)', async () => {
    const { entries, mintToken, minting } = await world(() => success({ token_type: 'DPoP' }));
    const minted = await mintToken.mint(minting);
    if (minted.kind !== 'live') throw new Error('there is no token');
    const { live } = minted;
    const certified = { ...live, token: { ...live.token, type: 'Bearer', binding: 'mtls' } } as const;
    for (const one of [live, certified]) {
      expect(() => prepareRelease(minting.context, minting.allowed, one, true, entries)).toThrow('must not be handed out');
    }
  });
});
