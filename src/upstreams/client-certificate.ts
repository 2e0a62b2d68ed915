import { createPrivateKey, X509Certificate } from 'node:crypto';
import { z } from 'zod';
import type { CertificateCredential } from '../credentials/credential.js';
import { Secret } from '../oauth/secret.js';
import { UpstreamFailed } from './upstream-failed.js';
import type { ClientCertificate } from './upstream-http.js';

const privateJwk = z.looseObject({ kty: z.string(), d: z.string() });

/** What TLS needs of a credential. The cause is not kept: it could quote the key. @throws UpstreamFailed `credential_unavailable` */
export function clientCertificate({ id, client, publicKey, privateKey }: CertificateCredential): ClientCertificate {
  try {
    const key = createPrivateKey({ key: privateJwk.parse(JSON.parse(privateKey.reveal())), format: 'jwk' });
    const chain = (publicKey.x5c ?? []).map((each) => new X509Certificate(Buffer.from(each, 'base64')).toString()).join('');
    if (chain !== '') {
      return { client, version: id, key: new Secret(key.export({ type: 'pkcs8', format: 'pem' }).toString()), chain };
    }
  } catch {
    // told below, as for a credential without a certificate
  }
  throw new UpstreamFailed('credential_unavailable');
}
