import type { Secret } from '../oauth/secret.js';
import type { LiveIssuance } from './issuance-store.js';

/** What another process needs to release a live token too: everything else is in its own request. */
export interface SharedToken extends Pick<
  LiveIssuance,
  'issuance' | 'tokenSha256' | 'tokenJti' | 'issuedAt' | 'expiresAt' | 'servedUntil' | 'granted' | 'grantedDetails' | 'audience' | 'binding'
> {
  readonly text: Secret;
}

/**
 * Live tokens by the hash of everything that went into their request, among all processes that serve from one database. It spares a look
 * into the database, and nothing rests on it: what it gives may have been withdrawn meanwhile, and whether it may be released is for the
 * record to say.
 *
 * find MUST answer within a few tens of milliseconds and MUST NOT reject: what cannot be had is null. It gives nothing past `servedUntil`,
 * and never an issuance that this process has dropped. put and drop MUST return at once; either may come to nothing. Texts are kept
 * sealed, and keys hashed, wherever they leave the process.
 */
export abstract class SharedTokens {
  abstract find(key: string): Promise<SharedToken | null>;
  abstract put(key: string, token: SharedToken): void;
  abstract drop(key: string, issuance: string): void;
}
