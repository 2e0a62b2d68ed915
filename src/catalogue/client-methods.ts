/*
 * How Corridor authenticates at an authorization server (RFC 8414 §2): by a secret, by signing with a key, or by a certificate of its
 * connection (RFC 8705 §2). `none` is not among them: this grant is for confidential clients (RFC 6749 §4.4, CONFORMANCE A5).
 */
export const secretMethods = ['client_secret_basic', 'client_secret_post', 'client_secret_jwt'] as const;
export const certificateMethods = ['tls_client_auth', 'self_signed_tls_client_auth'] as const;
export const upstreamMethods = ['private_key_jwt', ...certificateMethods, ...secretMethods] as const;

export type SecretMethod = (typeof secretMethods)[number];
export type CertificateMethod = (typeof certificateMethods)[number];
export type UpstreamAuthenticationMethod = (typeof upstreamMethods)[number];

export function isSecretMethod(method: UpstreamAuthenticationMethod): method is SecretMethod {
  return secretMethods.some((each) => each === method);
}

export function isCertificateMethod(method: UpstreamAuthenticationMethod): method is CertificateMethod {
  return certificateMethods.some((each) => each === method);
}

/** The algorithms of `private_key_jwt` (CONFORMANCE A26); RS256 for servers that know nothing better. Ed25519 is EdDSA by its newer name. */
export const signingAlgorithms = ['ES256', 'Ed25519', 'EdDSA', 'PS256', 'RS256'] as const;
/** Those of `client_secret_jwt`. */
export const macAlgorithms = ['HS256', 'HS384', 'HS512'] as const;
export const assertionAlgorithms = [...signingAlgorithms, ...macAlgorithms] as const;

export type SigningAlgorithm = (typeof signingAlgorithms)[number];
export type MacAlgorithm = (typeof macAlgorithms)[number];

export function isSigningAlgorithm(algorithm: string): algorithm is SigningAlgorithm {
  return signingAlgorithms.some((each) => each === algorithm);
}

export function isMacAlgorithm(algorithm: string): algorithm is MacAlgorithm {
  return macAlgorithms.some((each) => each === algorithm);
}
