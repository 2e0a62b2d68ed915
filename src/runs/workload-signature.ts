import { compactVerify, importJWK } from 'jose';
import type { PublicJwk, WorkloadIdentity } from '../catalogue/workload-identity.js';
import { AssertionRefused } from './compact-jws.js';
import type { WorkloadAssertion } from './workload-assertion.js';

/** The issuer's keys could not be had, and none are known: no fault of whoever asks. */
export class IssuerKeysUnavailable extends Error {
  constructor() {
    super('the keys of the issuer cannot be fetched');
    this.name = 'IssuerKeysUnavailable';
  }
}

/**
 * The keys of issuers (CONFORMANCE B23, B39, B107). candidates MUST give keys of this identity's issuer alone, fit for this
 * algorithm and with this `kid`, or all that fit when it is null; null when no keys are known at all. It MUST NOT be made to fetch
 * more often than once per cool-down by whatever is asked.
 */
export interface IssuerKeys {
  candidates(identity: WorkloadIdentity, kid: string | null, algorithm: string): Promise<readonly PublicJwk[] | null>;
}

/** More keys than this of one name, or without names, are no key set that somebody keeps. */
const MOST_TRIED = 8;

/** @throws AssertionRefused, IssuerKeysUnavailable */
export async function verifySignature({ text, header }: WorkloadAssertion, identity: WorkloadIdentity, keys: IssuerKeys): Promise<void> {
  const candidates = await keys.candidates(identity, header.kid ?? null, header.alg);
  if (candidates === null) throw new IssuerKeysUnavailable();
  if (candidates.length === 0) throw new AssertionRefused('no such key of this issuer');
  for (const key of candidates.slice(0, MOST_TRIED)) {
    if (await verifies(text, key, header.alg)) return;
  }
  throw new AssertionRefused('signature does not verify');
}

async function verifies(text: string, key: PublicJwk, algorithm: string): Promise<boolean> {
  try {
    await compactVerify(text, await importJWK({ ...key }, algorithm), { algorithms: [algorithm] });
    return true;
  } catch {
    return false;
  }
}
