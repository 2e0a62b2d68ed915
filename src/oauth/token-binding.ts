/**
 * What a token is bound to, so that whoever else has it cannot use it: nothing (a bearer token), a proof key of ours (RFC 9449), our
 * certificate (RFC 8705 §3); unverified where that could not be learned.
 */
export const tokenBindings = ['none', 'dpop', 'mtls', 'unverified'] as const;
export type TokenBinding = (typeof tokenBindings)[number];
