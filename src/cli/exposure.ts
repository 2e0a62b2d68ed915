import { z } from 'zod';
import { suspensionKinds } from '../suspensions/suspension.js';
import { UsageWrong } from './command-failed.js';
import { corridor, show, table, type Register } from './command.js';
import type { CorridorApi } from './corridor-api.js';

const listed = z.object({
  at: z.string(),
  tokens: z.array(
    z.looseObject({
      issuance: z.string(),
      state: z.string(),
      run: z.string().nullable(),
      workflow: z.string().nullable(),
      client: z.string(),
      resource: z.string(),
      expires_at: z.string(),
      revocation: z.string().nullable(),
      revocable: z.boolean().nullable(),
      binding: z.string().nullable(),
      audience: z.union([z.array(z.string()), z.literal('unverified')]),
      released: z.number(),
    }),
  ),
  next: z.string().nullable(),
});
type Listed = z.infer<typeof listed>;
type Token = Listed['tokens'][number];

const kinds = suspensionKinds.filter((kind) => kind !== 'everything');
const optionOf = (kind: string): string => kind.replace('_', '-');

const BOUND: Readonly<Record<string, string>> = {
  none: 'bearer',
  dpop: 'bound to a key (DPoP)',
  mtls: 'bound to a certificate (mTLS)',
  unverified: 'binding unverified',
};

/** corridor exposure: what is live now. */
export const registerExposure: Register = (program, surroundings) => {
  const command = program.command('exposure').description('which tokens are live, until when, and whether they can be revoked');
  for (const kind of kinds) command.option(`--${optionOf(kind)} <which>`, `only of this ${kind.replace('_', ' ')}`);
  command.option('--json', 'for programs').action(async () => {
    const options = z.record(z.string(), z.union([z.string(), z.boolean()])).parse(command.opts());
    const chosen = kinds.flatMap((kind) => {
      const which = options[kind === 'authorization_server' ? 'authorizationServer' : kind];
      return typeof which === 'string' ? [[kind, which]] : [];
    });
    if (chosen.length > 1) throw new UsageWrong(`give at most one of ${kinds.map((kind) => `--${optionOf(kind)}`).join(', ')}`);
    show(surroundings, options['json'] === true, await all(await corridor(surroundings), chosen), print);
  });
};

/** All pages of it as one. */
async function all(api: CorridorApi, filter: string[][]): Promise<Listed> {
  const page = (more: string[][]): Promise<Listed> =>
    api.call('GET', `/v1/exposure?${new URLSearchParams([...filter, ...more]).toString()}`, listed);
  const whole = await page([]);
  while (whole.next !== null) {
    const { tokens, next } = await page([['cursor', whole.next]]);
    whole.tokens.push(...tokens);
    whole.next = next;
  }
  return whole;
}

function print({ at, tokens }: Listed): string {
  if (tokens.length === 0) return `No token is live at ${at}.`;
  const heads = ['issuance', 'run', 'workflow', 'client', 'resource', 'until', 'what is known of it'];
  const rows = tokens.map((token) => [
    token.issuance,
    token.run ?? 'none',
    token.workflow ?? 'none',
    token.client,
    token.resource,
    token.expires_at,
    remarks(token).join(', '),
  ]);
  return [table([heads, ...rows]), summary(tokens, at)].join('\n');
}

function remarks({ state, revocation, revocable, binding, audience, released }: Token): string[] {
  return [
    ...(state === 'issued' ? [] : [state === 'open' ? 'attempt under way' : `outcome ${state}`]),
    revocationRemark(revocation, revocable),
    ...(binding === null ? [] : [BOUND[binding] ?? binding]),
    ...(audience === 'unverified' ? ['audience unverified'] : []),
    released === 0 ? 'never released' : `released ${released} times`,
  ];
}

function revocationRemark(revocation: Token['revocation'], revocable: Token['revocable']): string {
  if (revocation === 'pending') return 'being revoked';
  if (revocation === 'given_up') return 'revocation given up';
  if (revocable === null) return 'unknown if revocable';
  return revocable ? 'revocable' : 'not revocable';
}

/** The line to read when there is time for one. */
function summary(tokens: readonly Token[], at: string): string {
  const count = (which: (token: Token) => boolean): number => tokens.filter(which).length;
  const parts = [
    [count(({ revocable }) => revocable === false), 'not revocable'],
    [count(({ revocation }) => revocation === 'pending'), 'being revoked'],
    [count(({ revocation }) => revocation === 'given_up'), 'whose revocation was given up'],
    [count(({ state }) => state === 'open' || state === 'unknown'), 'of an open or unknown outcome'],
    [count(({ audience }) => audience === 'unverified'), 'with an unverified audience'],
    [count(({ released }) => released === 0), 'never released'],
  ];
  const said = parts.filter(([tokensOf]) => tokensOf !== 0).map(([tokensOf, what]) => `${tokensOf} ${what}`);
  const which = said.length === 0 ? '' : ` (${said.join(', ')})`;
  return `${tokens.length} live at ${at}${which}. The last lives until ${tokens[0]?.expires_at ?? at}.`;
}
