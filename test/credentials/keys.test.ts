import { createPrivateKey, generateKeyPairSync, X509Certificate, type KeyObject } from 'node:crypto';
import { importJWK, jwtVerify, SignJWT, type JWK } from 'jose';
import { signingAlgorithms } from '../../src/catalogue/client-methods.js';
import { generateKeyPair, keyIdentifier, type KeyPair } from '../../src/credentials/key-pair.js';
import { KeyUnusable, readReferencedCertificate, readReferencedKey } from '../../src/credentials/referenced-key.js';
import { withOwnCertificate } from '../../src/credentials/own-certificate.js';
import { Secret } from '../../src/oauth/secret.js';
import { createAuthority, selfSigned } from '../rig/certificates.js';
import { jwkOf } from '../rig/jwk.js';

function privateJwk(pair: KeyPair): JWK {
  return JSON.parse(pair.privateKey.reveal()) as JWK;
}

async function proves({ key, privateKey }: KeyPair): Promise<boolean> {
  const signing = await importJWK(JSON.parse(privateKey.reveal()) as JWK, key.algorithm);
  const token = await new SignJWT({ jti: '1' }).setProtectedHeader({ alg: key.algorithm }).sign(signing);
  await jwtVerify(token, await importJWK(key.publicKey, key.algorithm), { algorithms: [key.algorithm] });
  return true;
}

/** RSA keys take long to make: one of each length does for all. */
const rsa = new Map<number, KeyObject>();

function made(type: 'ec' | 'ed25519' | 'rsa' | 'rsa-pss', options: { namedCurve?: string; modulusLength?: number } = {}): KeyObject {
  const { namedCurve = 'P-256', modulusLength = 2048 } = options;
  if (type === 'ec') return generateKeyPairSync('ec', { namedCurve }).privateKey;
  if (type === 'ed25519') return generateKeyPairSync('ed25519').privateKey;
  if (type === 'rsa-pss') return generateKeyPairSync('rsa-pss', { modulusLength }).privateKey;
  const key = rsa.get(modulusLength) ?? generateKeyPairSync('rsa', { modulusLength }).privateKey;
  rsa.set(modulusLength, key);
  return key;
}

const pem = (key: ReturnType<typeof made>, type: 'pkcs8' | 'sec1' | 'pkcs1' = 'pkcs8') =>
  new Secret(key.export({ type, format: 'pem' }).toString());
const jwk = (key: ReturnType<typeof made>, members: object = {}) => new Secret(JSON.stringify({ ...jwkOf(key), ...members }));

describe('a key pair that Corridor makes', () => {
  it('is named by its thumbprint (B82, the vector of RFC 7638 §3.1)', async () => {
    const n =
      '0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw';
    expect(await keyIdentifier({ kty: 'RSA', e: 'AQAB', n, alg: 'RS256', kid: '2011-04-29' })).toBe(
      'NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs',
    );
  });

  it.each(signingAlgorithms)('signs with %s, its public half verifies, and that half is all that it shows (B81)', async (algorithm) => {
    const pair = await generateKeyPair(algorithm);
    const { kid, publicKey } = pair.key;
    expect(kid).toBe(await keyIdentifier(publicKey));
    expect(publicKey).toMatchObject({ kid, use: 'sig', alg: algorithm });
    for (const member of ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k', 'oth']) expect(publicKey).not.toHaveProperty(member);
    expect(await proves(pair)).toBe(true);
    if (publicKey.n !== undefined) expect(Buffer.from(publicKey.n, 'base64url').length * 8).toBeGreaterThanOrEqual(2048); // A27
  });

  it('is for ES256 unless told otherwise, and never the same twice (A27)', async () => {
    const [one, other] = [await generateKeyPair('ES256'), await generateKeyPair('ES256')];
    expect(one.key.publicKey).toMatchObject({ kty: 'EC', crv: 'P-256', alg: 'ES256' });
    expect(one.key.kid).not.toBe(other.key.kid);
  });

  it('does not print its private half', async () => {
    const pair = await generateKeyPair('ES256');
    expect(JSON.stringify(pair)).not.toContain(String(privateJwk(pair).d));
  });
});

describe('a key that a reference gives', () => {
  it.each([
    ['an EC key as PEM', () => pem(made('ec')), undefined, 'ES256'],
    ['an EC key in its older PEM', () => pem(made('ec'), 'sec1'), undefined, 'ES256'],
    ['an Ed25519 key as PEM', () => pem(made('ed25519')), undefined, 'EdDSA'],
    ['an RSA key as PEM', () => pem(made('rsa')), undefined, 'PS256'],
    ['an RSA key in its older PEM, for RS256', () => pem(made('rsa'), 'pkcs1'), 'RS256', 'RS256'],
    ['an EC key as JWK', () => jwk(made('ec')), undefined, 'ES256'],
    ['an RSA key as JWK with its own algorithm', () => jwk(made('rsa'), { alg: 'RS256', use: 'sig', kid: 'theirs' }), undefined, 'RS256'],
    ['an Ed25519 key for the algorithm’s newer name', () => pem(made('ed25519')), 'Ed25519', 'Ed25519'],
    ['an Ed25519 key as JWK', () => jwk(made('ed25519'), { alg: 'EdDSA' }), 'EdDSA', 'EdDSA'],
  ] as const)('may be %s', async (_, text, wanted, algorithm) => {
    const pair = await readReferencedKey(text(), { algorithm: wanted });
    expect(pair.key.algorithm).toBe(algorithm);
    expect(pair.key.kid).toBe(await keyIdentifier(pair.key.publicKey));
    expect(pair.key.publicKey).not.toHaveProperty('d');
    expect(await proves(pair)).toBe(true);
  });

  it.each([
    ['short (A27)', () => pem(made('rsa', { modulusLength: 1024 })), undefined, 'the RSA key is shorter than 2048 bits'],
    ['of another curve', () => pem(made('ec', { namedCurve: 'P-384' })), undefined, 'the key is of a curve that is not used here'],
    [
      'of a curve with a weak name',
      () => pem(made('ec', { namedCurve: 'secp256k1' })),
      undefined,
      'the key is of a curve that is not used here',
    ],
    ['of another type', () => pem(made('rsa-pss')), undefined, 'the key is of a type that is not used here'],
    [
      'for another algorithm than the client names',
      () => pem(made('ec')),
      'PS256',
      'the key is good for ES256 and not for the algorithm that was named',
    ],
    [
      'for another algorithm than its JWK names (A27)',
      () => jwk(made('rsa'), { alg: 'RS256' }),
      'PS256',
      'the key is good for PS256 or RS256 and not',
    ],
    ['for encryption', () => jwk(made('rsa'), { use: 'enc' }), undefined, 'the text is no private key for signatures'],
    [
      'a public half',
      () => new Secret(JSON.stringify({ kty: 'EC', crv: 'P-256', x: 'a', y: 'b' })),
      undefined,
      'the text is no private key for signatures',
    ],
    ['symmetric', () => new Secret(JSON.stringify({ kty: 'oct', k: 'c2VjcmV0' })), undefined, 'the text is no private key for signatures'],
    ['a text of no such kind', () => new Secret('c4n4ry'), undefined, 'the text is no private key for signatures'],
    ['broken JSON', () => new Secret('{"kty": c4n4ry'), undefined, 'the text is no private key for signatures'],
  ] as const)('is refused when it is %s', async (_, text, wanted, message) => {
    const refusal = await readReferencedKey(text(), { algorithm: wanted }).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(KeyUnusable);
    expect(String(refusal)).toContain(message);
    expect(String(refusal)).not.toContain('c4n4ry');
    expect(refusal).not.toHaveProperty('cause');
  });

  it('is refused when its halves do not belong together', async () => {
    const [one, other] = [jwkOf(made('rsa')), jwkOf(made('rsa', { modulusLength: 2056 }))];
    const mixed = new Secret(JSON.stringify({ ...one, n: other.n }));
    await expect(readReferencedKey(mixed)).rejects.toBeInstanceOf(KeyUnusable);
  });
});

const NOW = Date.now();
const DAY = 86_400_000;

function certificateOf({ key }: KeyPair): X509Certificate {
  return new X509Certificate(Buffer.from(key.publicKey.x5c?.[0] ?? '', 'base64'));
}

describe('a certificate that Corridor makes', () => {
  it.each(signingAlgorithms)('is that of the %s key, signed by it, and outlives its replacement', async (algorithm) => {
    const pair = await generateKeyPair(algorithm);
    const certified = await withOwnCertificate(pair, 'indexer_1.a-b', NOW, 300 * DAY);
    const certificate = certificateOf(certified);
    expect(certificate.checkPrivateKey(createPrivateKey({ key: privateJwk(pair), format: 'jwk' }))).toBe(true);
    expect(certificate.verify(certificate.publicKey)).toBe(true);
    expect(certificate.subject).toBe('CN=indexer_1.a-b');
    expect(Date.parse(certificate.validFrom)).toBeLessThan(NOW);
    expect(Math.round((Date.parse(certificate.validTo) - NOW) / DAY)).toBe(600);
    expect(certified.privateKey).toBe(pair.privateKey);
    expect(certified.key.kid).toBe(pair.key.kid);
  });
});

describe('a certificate that a reference gives', () => {
  const authority = createAuthority('Test authority');
  const own = authority.certify('corridor.example');
  const text = (...parts: string[]) => new Secret(parts.join('\n'));

  it.each([
    ['behind its key', () => text(own.key, own.cert)],
    ['before its key', () => text(own.cert, own.key)],
    ['with its issuers', () => text(own.key, own.cert, authority.cert)],
    ['in a JWK', () => jwk(createPrivateKey(own.key), { x5c: [new X509Certificate(own.cert).raw.toString('base64')] })],
  ])('may stand %s', async (where, given) => {
    for (const pair of [await readReferencedCertificate(given(), NOW), await readReferencedKey(given(), { certified: { now: NOW } })]) {
      expect(certificateOf(pair).raw).toEqual(new X509Certificate(own.cert).raw);
      expect(pair.key.publicKey.x5c).toHaveLength(where === 'with its issuers' ? 2 : 1);
      expect(pair.key.kid).toBe(await keyIdentifier(pair.key.publicKey));
    }
  });

  it('may have a key that no assertion is signed with', async () => {
    const key = made('ec', { namedCurve: 'P-384' });
    const refusal = await readReferencedCertificate(pem(key), NOW).catch(String);
    expect(refusal).toContain('has no certificate');
  });

  const expired = authority.certify('corridor.example', new Date(NOW - DAY));
  it.each([
    ['missing', () => text(own.key), 'the key has no certificate'],
    ['another key’s', () => text(own.key, selfSigned('c4n4ry').cert), 'the first certificate must be the one of the private key'],
    ['behind that of its issuer', () => text(own.key, authority.cert, own.cert), 'the first certificate must be'],
    ['over', () => text(expired.key, expired.cert), 'the certificate was valid until'],
    ['cut off', () => text(own.key, own.cert.slice(0, 200)), 'cannot be read'],
    ['changed', () => text(own.key, own.cert.replace(/\n.{20}/, '\nc4n4ryAAAAAAAAAAAAAA')), 'cannot be read'],
  ])('is refused when it is %s', async (_, given, message) => {
    const refusal: unknown = await readReferencedCertificate(given(), NOW).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(KeyUnusable);
    expect(String(refusal)).toContain(message);
    expect(String(refusal)).not.toContain('c4n4ry');
  });
});
