import { standardProfile, type Profile } from '../../src/catalogue/profile.js';
import type { UpstreamOutcome } from '../../src/upstreams/token.js';
import { json, type Behaviour, type SeenRequest } from '../rig/hostile-authorization-server.js';
import { converse, type Conversation, type Deviation } from '../upstreams/profiles/conversation.js';
import { askedOf, type Asked, type Vendor } from '../upstreams/profiles/vendor.js';
import { vendors } from '../upstreams/profiles/vendors.js';

export const issued = { access_token: 'canary-token', token_type: 'Bearer', expires_in: 300 };

/** A server that answers each request as the test says, whatever it is asked. */
export function serverThat(
  answer: (asked: Asked) => Behaviour,
  more: Partial<Vendor> = {},
  deviation: Deviation = {},
): Promise<Conversation> {
  const plain: Vendor = {
    profile: 'standard',
    byStandard: 'token',
    issuerPath: '',
    tokenPath: '/token',
    revocationPath: '/revoke',
    method: 'client_secret_basic',
    resource: { uri: 'https://crm.example/api', scopes: ['crm:read'] },
    accepts: () => true,
    answer,
  };
  return converse({ ...plain, ...more }, deviation);
}

/** What comes of one such answer, in a word, or several. */
export async function outcomesOf(answers: readonly Behaviour[], deviation: Deviation = {}): Promise<readonly UpstreamOutcome[]> {
  const talk = await serverThat(() => json({}), {}, deviation);
  const outcomes = [];
  for (const answer of answers) {
    talk.answer(answer);
    outcomes.push(await talk.obtain());
  }
  return outcomes;
}

export function standardBut(changed: Partial<Profile>): Profile {
  return { ...standardProfile, ...changed };
}

export function vendorOf(name: string): Vendor {
  const found = vendors.find(({ profile }) => profile === name);
  if (found === undefined) throw new Error(`there is no server of ${name}`);
  return found;
}

/** The requests that a server saw, read. */
export function readRequests(requests: readonly SeenRequest[], issuer: string): readonly Asked[] {
  return requests.map((request) => askedOf(request, issuer, `${issuer}/token`));
}
