import { createHash, generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto';

/** A key and its certificate, in PEM. */
export interface Certified {
  readonly key: string;
  readonly cert: string;
}

export interface CertificateAuthority {
  readonly cert: string;
  /** A certificate for a host name; by default valid from yesterday until tomorrow. */
  certify(host: string, notAfter?: Date): Certified;
}

const DAY = 86_400_000;

/** An authority of our own for tests of TLS: X.509 (RFC 5280) with P-256 keys, written in DER by hand. */
export function createAuthority(name: string): CertificateAuthority {
  const own = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const tomorrow = new Date(Date.now() + DAY);
  const cert = certificate({
    issuer: name,
    subject: name,
    publicKey: own.publicKey,
    signer: own.privateKey,
    notAfter: tomorrow,
    isAuthority: true,
  });
  return {
    cert,
    certify: (host, notAfter = tomorrow) => {
      const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      return {
        key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
        cert: certificate({ issuer: name, subject: host, publicKey, signer: own.privateKey, notAfter, isAuthority: false }),
      };
    },
  };
}

/** A certificate that nobody but its own key vouches for. */
export function selfSigned(host: string): Certified {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const notAfter = new Date(Date.now() + DAY);
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    cert: certificate({ issuer: host, subject: host, publicKey, signer: privateKey, notAfter, isAuthority: false }),
  };
}

interface Content {
  readonly issuer: string;
  readonly subject: string;
  readonly publicKey: KeyObject;
  readonly signer: KeyObject;
  readonly notAfter: Date;
  readonly isAuthority: boolean;
}

// object identifiers, already encoded
const ECDSA_WITH_SHA256 = '06082a8648ce3d040302';
const COMMON_NAME = '0603550403';
const BASIC_CONSTRAINTS = '0603551d13';
const SUBJECT_ALT_NAME = '0603551d11';
const SUBJECT_KEY_ID = '0603551d0e';

function certificate({ issuer, subject, publicKey, signer, notAfter, isAuthority }: Content): string {
  const algorithm = sequence(hex(ECDSA_WITH_SHA256));
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  const body = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, Buffer.concat([Buffer.from([0x01]), randomBytes(15)])),
    algorithm,
    name(issuer),
    sequence(time(new Date(notAfter.getTime() - 30 * DAY)), time(notAfter)),
    name(subject),
    spki,
    der(0xa3, sequence(...extensions(subject, spki, isAuthority))),
  );
  const signature = sign('sha256', body, signer);
  const whole = sequence(body, algorithm, der(0x03, Buffer.concat([Buffer.from([0]), signature])));
  const lines = whole.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

function extensions(subject: string, spki: Buffer, isAuthority: boolean): Buffer[] {
  const keyId = der(0x04, createHash('sha256').update(spki).digest().subarray(0, 20));
  const constraints = sequence(...(isAuthority ? [der(0x01, Buffer.from([0xff]))] : []));
  const names = sequence(der(0x82, Buffer.from(subject, 'ascii')));
  return [
    sequence(hex(BASIC_CONSTRAINTS), der(0x01, Buffer.from([0xff])), der(0x04, constraints)),
    sequence(hex(SUBJECT_KEY_ID), der(0x04, keyId)),
    ...(isAuthority ? [] : [sequence(hex(SUBJECT_ALT_NAME), der(0x04, names))]),
  ];
}

function name(commonName: string): Buffer {
  return sequence(der(0x31, sequence(hex(COMMON_NAME), der(0x0c, Buffer.from(commonName, 'utf8')))));
}

function time(date: Date): Buffer {
  return der(0x18, Buffer.from(`${date.toISOString().replace(/[-:T]/g, '').slice(0, 14)}Z`, 'ascii'));
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return der(0x30, Buffer.concat(parts));
}

function der(tag: number, content: Buffer): Buffer {
  const { length } = content;
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

function hex(text: string): Buffer {
  return Buffer.from(text, 'hex');
}
