import { createHash } from 'node:crypto';
import type { Randomness } from '../oauth/identifier.js';
import type { RunStore } from './run-store.js';
import type { Operator } from './run.js';

const commitmentPattern = /^sha256:[0-9a-f]{64}$/;

/** Whether this is a commitment and no name. */
export function isCommitment(text: string): boolean {
  return commitmentPattern.test(text);
}

/**
 * The person of this name, who is made known if nobody was: a commitment is SHA-256 over a salt of their own and the name, so that
 * the record names nobody.
 */
export async function operatorOf(name: string, store: RunStore, randomness: Randomness): Promise<Operator> {
  const salt = randomness.bytes(32);
  const commitment = `sha256:${createHash('sha256').update(salt).update(name).digest('hex')}`;
  const person = await store.personOf({ name, commitment, salt });
  return { name: person.name, commitment: person.commitment };
}
