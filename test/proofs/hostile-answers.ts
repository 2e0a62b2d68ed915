import {
  delayed,
  endless,
  gzipBomb,
  hang,
  hugeHeaders,
  json,
  raw,
  redirect,
  reset,
  text,
  trickle,
  type Behaviour,
} from '../rig/hostile-authorization-server.js';

/** One way in which an authorization server goes wrong, and what must come of it. */
export interface HostileAnswer {
  readonly name: string;
  /** `scope` is what was asked for; whatever is not for Corridor's ears holds the word `leak`. */
  readonly behaviour: (scope: string, issuer: string) => Behaviour;
  readonly entry: 'token.failed' | 'token.unknown' | 'token.refused';
  readonly fault: string;
  readonly status: 502 | 503;
  /** The token that was issued all the same, to be revoked. */
  readonly token?: string;
}

export const uri = 'https://crm.example/api';
/** Everything that was sent of the body without end. */
export const sent = { bytes: 0 };
const later = Math.floor(Date.now() / 1000) + 300;

const members = (scope: string, token: string): Record<string, unknown> => ({
  access_token: token,
  token_type: 'Bearer',
  expires_in: 300,
  scope,
});
const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const jwt = (claims: object): string => `${part({ alg: 'ES256', typ: 'at+jwt' })}.${part({ aud: uri, exp: later, ...claims })}.bGVhaw`;

type Unanswered = Pick<HostileAnswer, 'fault' | 'behaviour'>;
/** Nothing was issued, as far as the server says. */
const failed = (name: string, { fault, behaviour }: Unanswered): HostileAnswer => ({
  name,
  fault,
  behaviour,
  entry: 'token.failed',
  status: 503,
});
/** A token may have been issued. */
const unknown = (name: string, { fault, behaviour }: Unanswered): HostileAnswer => ({
  name,
  fault,
  behaviour,
  entry: 'token.unknown',
  status: 503,
});
/** A token was issued, and must not be used. */
const refused = (
  name: string,
  fault: string,
  token: string,
  changed: (scope: string) => Record<string, unknown> = () => ({}),
): HostileAnswer => ({
  name,
  fault,
  behaviour: (scope) => json({ ...members(scope, token), ...changed(scope) }),
  entry: 'token.refused',
  status: 502,
  token,
});

const says = (error: string, status: number, headers: Readonly<Record<string, string>> = {}): HostileAnswer['behaviour'] => {
  return () => json({ error, error_description: 'leak: Basic bGVhaw==', hint: 'leak' }, status, headers);
};

export const hostileAnswers: readonly HostileAnswer[] = [
  ...[301, 302, 303, 307, 308].map((status) =>
    failed(`redirects with ${status}`, { fault: 'redirect', behaviour: (_, issuer) => redirect(`${issuer}/elsewhere?leak`, status) }),
  ),
  failed('refuses our client', {
    fault: 'client_refused',
    behaviour: says('invalid_client', 401, { 'www-authenticate': 'Basic realm="leak"' }),
  }),
  failed('says 200 and means that it refuses our client', { fault: 'client_refused', behaviour: says('invalid_client', 200) }),
  failed('is down and says for how long', {
    fault: 'server_unavailable',
    behaviour: says('temporarily_unavailable', 503, { 'retry-after': '2' }),
  }),
  failed('has had enough', { fault: 'throttled', behaviour: says('slow_down', 429) }),
  { ...failed('does not know the scope', { fault: 'scope_rejected', behaviour: says('invalid_scope', 400) }), status: 502 },
  {
    ...failed('says 200 and means that it does not know the resource', {
      fault: 'target_rejected',
      behaviour: says('invalid_target', 200),
    }),
    status: 502,
  },

  unknown('hangs', { fault: 'timeout', behaviour: () => hang }),
  unknown('trickles', { fault: 'timeout', behaviour: (scope) => trickle(JSON.stringify(members(scope, 'leak-trickled')), 300) }),
  unknown('answers when it is too late', { fault: 'timeout', behaviour: (scope) => delayed(12_000, json(members(scope, 'leak-late'))) }),
  unknown('hangs up', { fault: 'unreachable', behaviour: () => reset }),
  unknown('speaks HTML', { fault: 'response_unreadable', behaviour: () => text('<html>leak</html>') }),
  unknown('speaks HTML and is broken', { fault: 'server_unavailable', behaviour: () => text('<html>leak</html>', 500) }),
  unknown('says nothing', { fault: 'response_unreadable', behaviour: () => json('') }),
  unknown('says null', { fault: 'response_unreadable', behaviour: () => json('null') }),
  unknown('speaks no HTTP', { fault: 'response_unreadable', behaviour: () => raw('LEAK leak 200 leak\r\n\r\nleak') }),
  unknown('never ends', { fault: 'response_too_large', behaviour: () => endless(sent) }),
  unknown('sends a bomb and says that it is packed', { fault: 'response_unreadable', behaviour: () => gzipBomb(true) }),
  unknown('sends a bomb and says nothing', { fault: 'response_unreadable', behaviour: () => gzipBomb(false) }),
  unknown('sends headers without end', { fault: 'response_too_large', behaviour: () => hugeHeaders }),

  refused('grants more scope', 'scope_broader', 'leak-broader', (scope) => ({ scope: `${scope} case:admin` })),
  refused('grants more scope in the token than it says', 'scope_broader', jwt({ scope: 'case:admin', sub: 'leak-scope' })),
  refused('grants another audience', 'audience_mismatch', jwt({ aud: 'https://other.example', sub: 'leak-audience' })),
  refused('issues in another name', 'issuer_mismatch', jwt({ iss: 'https://other.example', sub: 'leak-issuer' })),
  refused('issues to another client', 'client_mismatch', jwt({ client_id: 'leak-client' })),
  refused('has another type of token', 'token_type_unusable', 'leak-type', () => ({ token_type: 'DPoP' })),
  refused('does not say the type', 'token_type_unusable', 'leak-no-type', () => ({ token_type: null })),
  refused('has a token that fits no header', 'token_unusable', 'leak with\nspaces'),
  ...['soon', -5, 0, 1e12, true, '12e3'].map((life) =>
    refused(`says that it lives for ${JSON.stringify(life)}`, 'lifetime_unusable', `leak-life-${life}`, () => ({ expires_in: life })),
  ),
  {
    ...refused('says a thing twice', 'response_unreadable', 'leak-second'),
    behaviour: (scope) => json(`{"scope":"case:admin",${JSON.stringify(members(scope, 'leak-second')).slice(1)}`),
  },
  {
    ...refused('says 200, an error and a token', 'response_unreadable', 'leak-with-error'),
    behaviour: (scope) => json({ ...members(scope, 'leak-with-error'), error: 'invalid_scope', error_description: 'leak' }),
  },
  {
    ...refused('issues a token and says that it is an error', 'response_unreadable', 'leak-in-error'),
    behaviour: (scope) => json(members(scope, 'leak-in-error'), 400),
  },
];
