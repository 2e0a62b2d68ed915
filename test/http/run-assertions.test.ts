import { createHmac, createPrivateKey, createPublicKey, generateKeyPairSync, sign as signBytes, type KeyObject } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { CompactEncrypt, FlattenedSign, GeneralSign, type JWK } from 'jose';
import { z } from 'zod';
import { crm, form, TokenDoor, type TokenAnswer } from './token-door.js';
import { jwkOf } from '../rig/jwk.js';

/** A run with a key, and the key as Node has it, so that anything at all can be signed. */
interface Signer {
  readonly id: string;
  readonly key: KeyObject;
  readonly publicJwk: JWK;
  readonly alg: string;
}

let door: TokenDoor;
let run: Signer;
let issuer: string;
beforeAll(async () => {
  door = await TokenDoor.open();
  issuer = door.corridor.issuer;
  run = await startRun('ES256');
}, 60_000);
afterAll(() => door.close());

async function startRun(alg: 'ES256' | 'EdDSA' | 'RS256'): Promise<Signer> {
  const pair =
    alg === 'ES256'
      ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
      : alg === 'EdDSA'
        ? generateKeyPairSync('ed25519')
        : generateKeyPairSync('rsa', { modulusLength: 2048 });
  const publicJwk = jwkOf(pair.publicKey) as JWK;
  const { body } = await door.start({ public_key: publicJwk });
  return { id: z.object({ id: z.string() }).parse(body).id, key: pair.privateKey, publicJwk, alg };
}

const now = (): number => Math.floor(Date.now() / 1000);
let made = 0;
const claimsOf = (signer: Signer): Readonly<Record<string, unknown>> => ({
  iss: signer.id,
  sub: signer.id,
  aud: issuer,
  iat: now(),
  exp: now() + 60,
  jti: `jti-${made++}`,
});

const encode = (part: string | Buffer): string => Buffer.from(part).toString('base64url');

function signatureOver(input: string, key: KeyObject, alg: string): Buffer {
  const bytes = Buffer.from(input);
  if (alg.startsWith('PS')) return signBytes('sha256', bytes, { key, padding: 6, saltLength: 32 });
  if (alg.startsWith('Ed')) return signBytes(null, bytes, key);
  return signBytes('sha256', bytes, { key, dsaEncoding: 'ieee-p1363' });
}

/** Signs the very texts of header and claims, whatever they are. */
function signText(header: string, claims: string | Buffer, { key, alg }: Pick<Signer, 'key' | 'alg'> = run): string {
  const input = `${encode(header)}.${encode(claims)}`;
  return `${input}.${encode(signatureOver(input, key, alg))}`;
}

/** A good assertion, but for what is given. */
function assertion(claims: Readonly<Record<string, unknown>> = {}, header: Readonly<Record<string, unknown>> = {}, signer = run): string {
  return signText(JSON.stringify({ alg: signer.alg, ...header }), JSON.stringify({ ...claimsOf(signer), ...claims }), signer);
}

async function present(text: string, more: Readonly<Record<string, string>> = {}): Promise<TokenAnswer> {
  const type = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
  return door.send(form({ grant_type: 'client_credentials', resource: crm, client_assertion_type: type, client_assertion: text, ...more }));
}

const outcome = ({ status, headers, body }: TokenAnswer) => ({ status, challenge: headers.get('www-authenticate'), error: body['error'] });

/** Refused as D3 has it, each defect as every other. Whoever fails too often is told to slow down: for that, too, it must have failed. */
async function expectRefused(name: string, text: string): Promise<void> {
  const { status, challenge, error } = outcome(await present(text));
  expect({ name, challenge }).toEqual({ name, challenge: null });
  expect({ name, failed: [`400 invalid_client`, `429 slow_down`].includes(`${status} ${String(error)}`) }).toEqual({ name, failed: true });
}
const expectAccepted = async (name: string, text: string): Promise<void> => {
  expect({ name, status: (await present(text)).status }).toEqual({ name, status: 200 });
};

describe('the key', () => {
  it('is the one that the run was started with, and no other run has it (B23)', async () => {
    const other = await startRun('ES256');
    await expectAccepted('its own', assertion());
    await expectRefused('the key of another run', assertion({}, {}, { ...run, key: other.key }));
    await expectRefused('the name of another run', assertion({ iss: other.id, sub: other.id }));
    await expectAccepted('the other run', assertion({}, {}, other));
  });

  it('is never taken from the assertion, and nothing is fetched (B23)', async () => {
    let fetched = 0;
    const attacker = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const jwk = jwkOf(attacker.publicKey);
    const server = createServer((_, response) => {
      fetched++;
      response.end(JSON.stringify({ keys: [{ ...jwk, kid: 'k' }] }));
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`;
    const der = attacker.publicKey.export({ format: 'der', type: 'spki' }).toString('base64');
    for (const header of [{ jwk }, { jku: url, kid: 'k' }, { x5u: url }, { x5c: [der] }, { jwk, jku: url, x5c: [der], kid: 'k' }]) {
      await expectRefused(JSON.stringify(header), assertion({}, header, { ...run, key: attacker.privateKey }));
      await expectAccepted('with the right signature these say nothing', assertion({}, header));
    }
    expect(fetched).toBe(0);
    server.close();
  });

  it.each(['../../../etc/passwd', "' or 1=1 --", '/dev/null', '', 'http://127.0.0.1/', '\u0000'])(
    'is found by no kid, be it %j (B23)',
    async (kid) => {
      const attacker = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      await expectRefused('forged', assertion({}, { kid }, { ...run, key: attacker.privateKey }));
      await expectAccepted('genuine', assertion({}, { kid }));
    },
  );

  it.each([
    ['of a symmetric kind', { kty: 'oct', k: 'AAAA' }],
    ['on another curve', jwkOf(generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey)],
    ['beside its curve', { ...jwkOf(generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey), y: encode(Buffer.alloc(32, 1)) }],
    ['of 1024 bits', jwkOf(generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey)],
    ['of 1024 bits, made longer by zeros', padded(jwkOf(generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey))],
    ['of an exponent that signs nothing', { ...jwkOf(generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey), e: 'AQ' }],
    ['of a size that costs whoever verifies', { kty: 'RSA', n: encode(Buffer.alloc(4096, 0xd5)), e: 'AQAB' }],
    ['with its private half', jwkOf(generateKeyPairSync('ed25519').privateKey)],
  ])('may be none %s (B24)', async (_, publicKey) => {
    expect(await door.start({ public_key: publicKey })).toMatchObject({ status: 400, body: { code: 'public_key_unusable' } });
  });
});

function padded(jwk: JWK): JWK {
  return { ...jwk, n: encode(Buffer.concat([Buffer.alloc(192), Buffer.from(jwk.n ?? '', 'base64url')])) };
}

describe('the algorithm', () => {
  it('belongs to the key and not to the header: all others are refused, whatever is signed (B24)', async () => {
    const fits: Readonly<Record<string, readonly string[]>> = { ES256: ['ES256'], EdDSA: ['EdDSA', 'Ed25519'], RS256: ['RS256', 'PS256'] };
    const named = [
      'none',
      'None',
      'NONE',
      'nOnE',
      '',
      'HS256',
      'hs256',
      'HS512',
      'ES256',
      'es256',
      'ES256 ',
      'ES384',
      'ES512',
      'ES256K',
      'RS256',
      'rs256',
      'RS1',
      'RS384',
      'PS256',
      'PS512',
      'EdDSA',
      'EDDSA',
      'Ed25519',
      'Ed448',
      'dir',
      'RSA-OAEP',
      'ECDH-ES',
    ];
    for (const kind of ['ES256', 'EdDSA', 'RS256'] as const) {
      const signer = await startRun(kind);
      for (const alg of named) {
        const fit = fits[kind]?.includes(alg) === true;
        const text = signText(JSON.stringify({ alg }), JSON.stringify(claimsOf(signer)), { ...signer, alg: fit ? alg : kind });
        await (fit ? expectAccepted : expectRefused)(`${alg} with a key for ${kind}`, text);
      }
    }
  });

  it('is never HMAC with what is public (B24)', async () => {
    const rsa = await startRun('RS256');
    for (const signer of [run, rsa]) {
      const key = createPublicKey(signer.key);
      const known = [
        key.export({ format: 'pem', type: 'spki' }),
        key.export({ format: 'der', type: 'spki' }),
        JSON.stringify(signer.publicJwk),
        Buffer.from(signer.publicJwk.x ?? signer.publicJwk.n ?? '', 'base64url'),
        '',
      ];
      for (const alg of ['HS256', 'hs256', signer.alg]) {
        for (const secret of known) {
          const input = `${encode(JSON.stringify({ alg }))}.${encode(JSON.stringify(claimsOf(signer)))}`;
          await expectRefused(alg, `${input}.${encode(createHmac('sha256', secret).update(input).digest())}`);
        }
      }
    }
  });

  it('has one form of signature, which is over these bytes (B24)', async () => {
    const [head = '', body = '', signature = ''] = assertion().split('.');
    const bytes = Buffer.from(signature, 'base64url');
    const flipped = Buffer.from(bytes);
    flipped[5] = (flipped[5] ?? 0) ^ 1;
    const der = signBytes('sha256', Buffer.from(`${head}.${body}`), run.key);
    for (const [name, wrong] of Object.entries({
      zeros: Buffer.alloc(64),
      'r and s of the order': Buffer.from('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551'.repeat(2), 'hex'),
      flipped,
      der,
      shorter: bytes.subarray(0, 63),
      longer: Buffer.concat([bytes, Buffer.alloc(1)]),
    })) {
      await expectRefused(name, `${head}.${body}.${encode(wrong)}`);
    }
    const [, otherBody = ''] = assertion({ exp: now() + 61 }).split('.');
    await expectRefused('another body', `${head}.${otherBody}.${signature}`);
    await expectAccepted('itself', `${head}.${body}.${signature}`);
  });
});

describe('a critical header parameter', () => {
  it.each([
    ['unknown', { crit: ['x'], x: 1 }],
    ['of a known name', { crit: ['exp'], exp: 1 }],
    ['in an empty list', { crit: [] }],
    ['that is absent', { crit: ['x'] }],
    ['in no list', { crit: 'b64' }],
    ['of nothing', { crit: null }],
    ['b64, false', { crit: ['b64'], b64: false }],
    ['b64, true', { crit: ['b64'], b64: true }],
    ['b64, unannounced', { b64: false }],
    ['b64, unannounced and true', { b64: true }],
    ['alg', { crit: ['alg'] }],
  ])('%s is refused (B25)', async (_, header) => {
    await expectRefused('critical', assertion({}, header));
  });

  it('does not make an unencoded body readable (B25)', async () => {
    const head = encode(JSON.stringify({ alg: 'ES256', b64: false, crit: ['b64'] }));
    const body = JSON.stringify(claimsOf(run));
    const signature = encode(signatureOver(`${head}.${body}`, run.key, 'ES256'));
    await expectRefused('unencoded', `${head}.${body}.${signature}`);
    await expectRefused('detached', `${head}..${signature}`);
  });
});

describe('the form', () => {
  it('is compact, three parts in strict base64url, and nothing beside (B26)', async () => {
    const good = assertion();
    const [head = '', body = '', signature = ''] = good.split('.');
    const forms: Readonly<Record<string, string>> = {
      'two parts': `${head}.${body}`,
      'four parts': `${good}.${signature}`,
      'five parts': `${head}.${body}.${signature}.${head}.${body}`,
      'an empty header': `.${body}.${signature}`,
      'an empty body': `${head}..${signature}`,
      'an empty signature': `${head}.${body}.`,
      'padding of the signature': `${good}==`,
      'padding of the body': `${head}.${body}=.${signature}`,
      'padding of the header': `${head}=.${body}.${signature}`,
      'a space before': ` ${good}`,
      'a space after': `${good} `,
      'a line end': `${good}\n`,
      'a line end within': `${head}.${body.slice(0, 9)}\r\n${body.slice(9)}.${signature}`,
      'a tab': `${head}.${body}.\t${signature}`,
      'the other alphabet': good.replace(/[-_]/g, (letter) => (letter === '-' ? '+' : '/')) + '+/',
      'letters that are no base64': `${head}.${body}!.${signature}`,
      'a scheme': `Bearer ${good}`,
      quotes: `"${good}"`,
      'two assertions': `${good},${assertion()}`,
      'two assertions with a space': `${good} ${assertion()}`,
      'other digits': good.replace(/^e/, '\uff45'),
    };
    for (const [name, text] of Object.entries(forms)) await expectRefused(name, text);
    await expectAccepted('itself', good);
  });

  it('spells each part in one way: what the last letter has too much is refused (B26)', async () => {
    const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    // of 64 bytes the last letter holds two bits that count and four that do not
    const good = assertion();
    const last = letters.indexOf(good.at(-1) ?? '');
    await expectRefused('another spelling of the signature', good.slice(0, -1) + (letters[last | 1] ?? ''));
    // of 3n+1 bytes too
    const header = JSON.stringify({ alg: 'ES256', x: 'y'.repeat(2) });
    const text = [0, 1, 2].map((more) => header.replace('yy', 'y'.repeat(2 + more))).find((candidate) => candidate.length % 3 === 1) ?? '';
    const head = encode(text);
    const respelled = head.slice(0, -1) + (letters[letters.indexOf(head.at(-1) ?? '') | 1] ?? '');
    const body = encode(JSON.stringify(claimsOf(run)));
    await expectRefused(
      'another spelling of the header',
      `${respelled}.${body}.${encode(signatureOver(`${respelled}.${body}`, run.key, 'ES256'))}`,
    );
    await expectAccepted('the one spelling', `${head}.${body}.${encode(signatureOver(`${head}.${body}`, run.key, 'ES256'))}`);
    await expectAccepted('the one spelling of the signature', good);
  });

  it('is no JSON serialisation, and no JWE (B26)', async () => {
    const bytes = Buffer.from(JSON.stringify(claimsOf(run)));
    const key = createPrivateKey(run.key.export({ format: 'pem', type: 'pkcs8' }));
    const flattened = await new FlattenedSign(bytes).setProtectedHeader({ alg: 'ES256' }).sign(key);
    const general = await new GeneralSign(bytes).addSignature(key).setProtectedHeader({ alg: 'ES256' }).sign();
    const [head = '', body = '', signature = ''] = assertion().split('.');
    const jwe = await new CompactEncrypt(bytes).setProtectedHeader({ alg: 'ECDH-ES', enc: 'A256GCM' }).encrypt(createPublicKey(run.key));
    const polyglot = JSON.stringify({ protected: head, payload: body, signature, [`${head}.${body}.${signature}`]: 0 });
    for (const text of [JSON.stringify(flattened), JSON.stringify(general), polyglot, jwe, encode(assertion())]) {
      await expectRefused(text.slice(0, 30), text);
    }
  });

  it('has an end (B8)', async () => {
    await expectRefused('20,000 letters', assertion({ x: 'x'.repeat(15_000) }));
    await expectAccepted('6,000 letters', assertion({ x: 'x'.repeat(4_000) }));
    await expectRefused('a jti of 10,000 letters', assertion({ jti: 'x'.repeat(10_000) }));
    await expectRefused('depth', signText('{"alg":"ES256"}', `{"a":${'['.repeat(2_000)}${']'.repeat(2_000)}}`));
  });
});

describe('a name that stands twice', () => {
  it('is refused, in the header and in the claims, however it is spelled (B27)', async () => {
    const own = (): string => JSON.stringify(claimsOf(run)).slice(1, -1);
    const alg = '{"alg":"ES256"}';
    const claims: readonly string[] = [
      `{"sub":"run01other",${own()}}`,
      `{${own()},"sub":"${run.id}"}`,
      `{${own()},"s\\u0075b":"run01other"}`,
      `{"exp":1,${own()}}`,
      `{${own()},"aud":"${issuer}"}`,
      `{${own()},"x":{"y":1,"y":2}}`,
      `{${own()},"x":1,"x":1}`,
    ];
    for (const text of claims) await expectRefused(text, signText(alg, text));
    const headers = [
      '{"alg":"none","alg":"ES256"}',
      '{"alg":"ES256","alg":"none"}',
      '{"alg":"ES256","\\u0061lg":"ES256"}',
      '{"alg":"ES256","typ":"JWT","typ":"at+jwt"}',
      '{"alg":"ES256","x":1,"x":1}',
    ];
    for (const text of headers) await expectRefused(text, signText(text, `{${own()}}`));
    await expectAccepted('once each', signText(alg, `{${own()}}`));
  });

  it('and what is no JSON object are refused alike (B26, B27)', async () => {
    const claims = JSON.stringify(claimsOf(run));
    for (const text of [
      '',
      'null',
      '[]',
      '"x"',
      '1',
      '{',
      `${claims}x`,
      `${claims}${claims}`,
      `[${claims}]`,
      "{'alg':'ES256'}",
      `\u0000${claims}`,
    ]) {
      await expectRefused(`claims ${text}`, signText('{"alg":"ES256"}', text));
      await expectRefused(`header ${text}`, signText(text, claims));
    }
    const noUtf8 = Buffer.concat([Buffer.from(claims.slice(0, -1)), Buffer.from(',"x":"\xff"}', 'latin1')]);
    await expectRefused('no UTF-8', signText('{"alg":"ES256"}', noUtf8));
  });
});

describe('a claim', () => {
  const wrong: Readonly<Record<string, readonly string[]>> = {
    iss: ['1', 'null', '[]', '[RUN]', '{}', '""', 'true'],
    sub: ['1', 'null', '[]', '[RUN]', '{}', '""'],
    aud: ['1', 'null', '{}', 'true', '""', '[]'],
    exp: ['"9999999999"', 'null', 'true', '[]', '{}', '-1', '-0.5', '1e309', '-1e309', '0', '""', '1e300', '"NOW"'],
    iat: ['"1"', 'null', 'true', '[]', '-1', '1e309', '1e300'],
    nbf: ['"1"', 'null', 'true', '[]', '-1', '1e309', '1e300'],
    jti: ['1', 'null', 'true', '[]', '["x"]', '{}', '""'],
  };

  it.each(Object.entries(wrong))('%s of the wrong type or sense is refused (B28, B33)', async (name, values) => {
    for (const value of values) {
      const claims = { ...claimsOf(run), [name]: 'HERE' };
      const text = JSON.stringify(claims).replace(
        '"HERE"',
        value.replace('RUN', JSON.stringify(run.id)).replace('NOW', String(now() + 60)),
      );
      await expectRefused(`${name}: ${value}`, signText('{"alg":"ES256"}', text));
    }
  });

  it.each(['iss', 'sub', 'aud', 'exp', 'jti'])('%s must be there (B28, B33)', async (name) => {
    await expectRefused(name, assertion({ [name]: undefined }));
  });

  it.each(['iat', 'nbf'])('%s need not be there, and a fraction of a second is a time (B28)', async (name) => {
    await expectAccepted(`no ${name}`, assertion({ [name]: undefined }));
    await expectAccepted(`a fraction of ${name}`, assertion({ [name]: now() - 0.5, exp: now() + 60.25 }));
  });
});

describe('the issuer and the subject of an assertion', () => {
  it('are the run, both (B29)', async () => {
    const other = await startRun('ES256');
    for (const [iss, sub] of [
      [run.id, other.id],
      [other.id, run.id],
      [issuer, run.id],
      [run.id, issuer],
      ['nightly-index', 'nightly-index'],
      [run.id.toUpperCase(), run.id],
      [run.id, run.id.toUpperCase()],
      [`${run.id} `, run.id],
      [run.id, `${run.id}\u0000`],
    ]) {
      await expectRefused(`${iss} ${sub}`, assertion({ iss, sub }));
    }
  });
});

describe('the audience', () => {
  it('is the issuer in one string and nothing else (B30, D1)', async () => {
    const { host, port } = new URL(issuer);
    const variants: readonly unknown[] = [
      [issuer],
      [issuer, issuer],
      [issuer, 'https://other.example'],
      `${issuer}/token`,
      `${issuer}/`,
      `${issuer} `,
      ` ${issuer}`,
      issuer.toUpperCase(),
      issuer.replace('oauth2', 'OAuth2'),
      issuer.replace('http:', 'https:'),
      issuer.slice(0, -1),
      `${issuer}x`,
      `${issuer}?x`,
      `${issuer}#x`,
      new URL(issuer).origin,
      host,
      issuer.replace('127.0.0.1', 'localhost'),
      `http://127.0.0.1:${port}/x/../oauth2`,
      `http://127.0.0.1:${port}/oauth%32`,
      `http://user@127.0.0.1:${port}/oauth2`,
      'https://other.example/oauth2',
      door.server.issuer,
      crm,
      '*',
      { 0: issuer },
    ];
    for (const aud of variants) await expectRefused(JSON.stringify(aud), assertion({ aud }));
    await expectAccepted('the issuer', assertion({ aud: issuer }));
  });

  it('does not follow the Host that was asked (B9, B30)', async () => {
    const type = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
    const ask = (aud: string) =>
      door.send(
        form({ grant_type: 'client_credentials', resource: crm, client_assertion_type: type, client_assertion: assertion({ aud }) }),
        {
          'x-forwarded-host': 'evil.example',
          'x-forwarded-proto': 'https',
          forwarded: 'host=evil.example;proto=https',
        },
      );
    expect((await ask('https://evil.example/oauth2')).body).toMatchObject({ error: expect.stringMatching(/^(invalid_client|slow_down)$/) });
    expect((await ask(issuer)).status).toBe(200);
  });
});

describe('the time', () => {
  it('that is over, or too far away, is refused (B31)', async () => {
    for (const exp of [now() - 1, now() - 61, 1, now() + 31_536_000, now() + 365, now() + 86_400]) {
      await expectRefused(`exp ${exp - now()}`, assertion({ exp, iat: undefined }));
    }
    for (const exp of [now() + 5, now() + 300]) await expectAccepted(`exp ${exp - now()}`, assertion({ exp }));
    await expectRefused('a long life that is nearly over', assertion({ iat: now() - 3_600, exp: now() + 10 }));
  });

  it('may be ten seconds ahead and not more than a minute (B32, D11)', async () => {
    for (const claim of ['iat', 'nbf']) {
      await expectAccepted(`${claim} +9`, assertion({ [claim]: now() + 9 }));
      await expectRefused(`${claim} +65`, assertion({ [claim]: now() + 65, exp: now() + 200 }));
      await expectRefused(`${claim} +3600`, assertion({ [claim]: now() + 3_600, exp: now() + 200 }));
    }
  });
});

describe('an assertion that was used', () => {
  it('is refused from then on, also in other words with its jti (B33)', async () => {
    const once = assertion({ jti: 'once' });
    await expectAccepted('first', once);
    for (let again = 0; again < 3; again++) await expectRefused('again', once);
    await expectRefused('the jti in another assertion', assertion({ jti: 'once', exp: now() + 200 }));
    await expectAccepted('another jti', assertion({ jti: 'once ' }));
    await expectAccepted('another case', assertion({ jti: 'Once' }));
  });

  it('was used although its request came to nothing', async () => {
    const spent = assertion({ jti: 'spent' });
    expect(outcome(await present(spent, { scope: 'crm:write' }))).toMatchObject({ status: 400, error: 'access_denied' });
    await expectRefused('again', spent);
  });

  it('is one of 100 at the same time (B34)', async () => {
    const raced = await startRun('EdDSA');
    const text = assertion({}, {}, raced);
    const answers = await Promise.all(Array.from({ length: 100 }, () => present(text)));
    const counts = new Map<unknown, number>();
    for (const { status, body } of answers) counts.set(body['error'] ?? status, (counts.get(body['error'] ?? status) ?? 0) + 1);
    expect(counts.get(200)).toBe(1);
    expect((counts.get('invalid_client') ?? 0) + (counts.get('slow_down') ?? 0)).toBe(99);
    expect((await door.entriesOf(raced.id)).filter(({ type }) => type === 'token.released')).toHaveLength(1);
  });

  it('was not used by what was wrong with it, nor by another run (B35)', async () => {
    const [own, other] = [await startRun('ES256'), await startRun('ES256')];
    const jti = 'wanted';
    await expectRefused('another signature', assertion({ jti }, {}, { ...own, key: other.key }));
    await expectRefused('another audience', assertion({ jti, aud: `${issuer}/token` }, {}, own));
    await expectRefused('expired', assertion({ jti, exp: now() - 1 }, {}, own));
    await expectRefused('another type', assertion({ jti }, { typ: 'at+jwt' }, own));
    await expectAccepted('another run', assertion({ jti }, {}, other));
    const text = assertion({ jti }, {}, own);
    expect(outcome(await present(text, { client_id: other.id }))).toMatchObject({ status: 400 });
    await expectAccepted('the run', text);
  });
});

describe('the type', () => {
  const jwt = [
    'JWT',
    'jwt',
    'client-authentication+jwt',
    'Client-Authentication+JWT',
    'application/client-authentication+jwt',
    'APPLICATION/jwt',
  ];
  it.each([undefined, ...jwt])('%s is that of an assertion (B37)', async (typ) => {
    await expectAccepted(String(typ), assertion({}, typ === undefined ? {} : { typ }));
  });

  const others = [
    'at+jwt',
    'AT+JWT',
    'application/at+jwt',
    'dpop+jwt',
    'secevent+jwt',
    'token-introspection+jwt',
    'logout+jwt',
    'id_token',
    'oauth-authz-req+jwt',
    'JOSE',
    'jwt ',
    '',
    'text/jwt',
    'application/application/jwt',
    'client-authentication',
    'client-authentication+jwt;x=y',
    'wimse-id+jwt',
    'kb+jwt',
  ];
  it.each(others)('%j is that of another kind of JWT, and is refused (B38)', async (typ) => {
    await expectRefused(typ, assertion({}, { typ }));
  });

  it.each([1, null, true, ['JWT'], {}])('%j is none (B28, B38)', async (typ) => {
    await expectRefused(JSON.stringify(typ), assertion({}, { typ }));
  });

  it('makes no API key of an assertion, and no assertion of a key or a token (B38)', async () => {
    const text = assertion();
    expect((await door.corridor.api('GET', `/v1/runs/${run.id}`, undefined, text)).status).toBe(401);
    expect((await door.corridor.api('POST', '/v1/runs', {}, text)).status).toBe(401);
    await expectRefused('a key of the API', door.runtimeKey);
    await expectRefused(
      'a token that is a JWT of the authorization server',
      assertion({ iss: door.server.issuer, sub: 'corridor-indexer', aud: crm }, { typ: 'at+jwt' }),
    );
    await expectRefused('an opaque token', String((await present(assertion())).body['access_token']));
  });
});

describe('the type of assertion in the request', () => {
  it.each([
    '',
    'urn:ietf:params:oauth:client-assertion-type:saml2-bearer',
    'urn:ietf:params:oauth:client-assertion-type:JWT-bearer',
    'jwt-bearer',
  ])('must be said and be that of a JWT: %j is refused (B13, B20)', async (type) => {
    const text = assertion();
    expect(outcome(await present(text, { client_assertion_type: type }))).toEqual({
      status: 400,
      challenge: null,
      error: 'invalid_request',
    });
    await expectAccepted('it was not used', text);
  });
});
