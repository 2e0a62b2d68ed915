import { z } from 'zod';
import { fates } from '../suspensions/exposure.js';
import { table } from './command.js';

/** What a suspension exposed, as `/v1/suspensions` tells it, whole or page by page. */
export const exposedPage = z.object({
  exposed: z.object({
    revoked: z.number(),
    pending: z.number(),
    given_up: z.number(),
    unsupported: z.number(),
    expired: z.number(),
    never_issued: z.number(),
    live_until: z.string().nullable(),
    complete: z.boolean(),
  }),
  exposure: z.array(
    z.looseObject({
      issuance: z.string(),
      run: z.string().nullable(),
      client: z.string(),
      resource: z.string(),
      expires_at: z.string(),
      revocation: z.enum(fates),
      revoked_at: z.string().optional(),
      attempts: z.number().optional(),
      last_error: z.string().nullish(),
      next_attempt_at: z.string().nullish(),
    }),
  ),
  next: z.string().nullable(),
});
export type ExposedPage = z.infer<typeof exposedPage>;
type ExposedToken = ExposedPage['exposure'][number];

export function printExposed({ exposed, exposure, next }: ExposedPage): string {
  if (exposure.length === 0) return 'No token of it was live when it took hold.';
  const { revoked, pending, given_up: givenUp, unsupported, expired, never_issued: neverIssued, live_until: until, complete } = exposed;
  const counted = [
    `${revoked} revoked`,
    `${pending} pending`,
    ...(givenUp === 0 ? [] : [`${givenUp} given up`]),
    `${unsupported} not revocable`,
    `${expired} expired`,
    `${neverIssued} never issued`,
  ];
  const sum = `${revoked + pending + givenUp + unsupported + expired + neverIssued} live when it took hold: ${counted.join(', ')}.`;
  const left = until === null ? 'None of them can work any more.' : `The last that may still work lives until ${until}.`;
  const rows = exposure
    .toSorted((a, b) => (a.expires_at < b.expires_at ? 1 : -1))
    .map((token) => [token.issuance, token.run ?? 'none', token.client, token.resource, printFate(token)]);
  const more = next === null ? [] : [`… and more: those that were issued after ${next}.`];
  const rest = complete ? [] : ['That is not all: others are still being withdrawn. None of them is given to anybody.'];
  return [sum, left, ...rest, table(rows), ...more].join('\n');
}

function printFate(token: ExposedToken): string {
  switch (token.revocation) {
    case 'revoked':
      return `revoked at ${token.revoked_at ?? 'an unknown time'}`;
    case 'pending': {
      const error = token.last_error ? `, the server: ${token.last_error}` : '';
      const next = token.next_attempt_at ? `, next at ${token.next_attempt_at}` : '';
      return `pending, lives until ${token.expires_at} (attempts: ${token.attempts ?? 0}${error}${next})`;
    }
    case 'given_up': {
      const error = token.last_error ? `, the server: ${token.last_error}` : '';
      return `given up, lives until ${token.expires_at} (attempts: ${token.attempts ?? 0}${error})`;
    }
    case 'unsupported':
      return `not revocable, lives until ${token.expires_at}`;
    case 'expired':
      return `expired at ${token.expires_at}`;
    case 'never_issued':
      return 'never issued';
  }
}
