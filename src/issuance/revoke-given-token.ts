import { createHash } from 'node:crypto';
import type { SecurityLog } from '../access/security-log.js';
import { timestamp } from '../oauth/clock.js';
import { TemporarilyUnavailable, UnsupportedTokenType } from '../oauth/errors.js';
import type { AuthenticateRun } from '../runs/authenticate-run.js';
import type { FactsSource } from './facts.js';
import type { GivenTokens, WithdrawnToken } from './given-tokens.js';
import type { RevokeDue } from './revoke-due.js';
import { SingleFlight } from './single-flight.js';
import type { TokenCache } from './token-cache.js';
import type { TokenQuestion } from './token-question.js';

/** Milliseconds after which a revocation that nobody reported on is taken up again, and until a client should ask anew, in seconds. */
const LEASE = 30_000;
const ASK_AGAIN = 2;

type Became = { readonly kind: 'revoked' | 'unsupported' } | { readonly kind: 'pending'; readonly retryAfter: number | null };

/**
 * A run hands back a token that it was given (RFC 7009). From then on nobody is given it, whatever its authorization server says: that is
 * asked once while the run waits, and again and again afterwards (CONFORMANCE B93).
 */
export class RevokeGivenToken {
  readonly #flights = new SingleFlight<Became>();

  constructor(
    private readonly authenticateRun: AuthenticateRun,
    private readonly tokens: GivenTokens,
    private readonly cache: TokenCache,
    private readonly facts: FactsSource,
    private readonly revokeDue: RevokeDue,
    private readonly securityLog: SecurityLog,
  ) {}

  /**
   * Resolves when the token is dead, or was nothing to this run (D8: the two look alike).
   * @throws OAuthError; LogUnavailable when the store cannot be reached
   */
  async revoke({ clientAuthentication, token, address }: TokenQuestion): Promise<void> {
    const run = await this.authenticateRun.authenticate(clientAuthentication, address, 'revocation');
    const sha256 = createHash('sha256').update(token.reveal()).digest('hex');
    const withdrawal = await this.tokens.withdraw(sha256, run.id, LEASE);
    if (withdrawal.kind === 'foreign') {
      const detail = 'the token was given to another run; nothing was revoked';
      this.securityLog.write({ event: 'foreign_token', surface: 'revocation', subject: run.id, address, detail });
    }
    if (withdrawal.kind !== 'withdrawn') return;
    for (const { cacheKey, issuance } of withdrawal.tokens) this.cache.drop(cacheKey, issuance);
    const became = await Promise.all(withdrawal.tokens.map((one) => this.#atItsServer(one)));
    answer(became, Math.max(...withdrawal.tokens.map(({ expiresAt }) => expiresAt)));
  }

  /** However many ask for it at once, the server is asked once. */
  async #atItsServer({ issuance, revocation, due }: WithdrawnToken): Promise<Became> {
    // its server was asked in vain, and is not asked again because of this
    if (revocation === 'given_up') return { kind: 'unsupported' };
    if (due === null) return revocation === 'pending' ? { kind: 'pending', retryAfter: null } : { kind: revocation };
    const { result } = await this.#flights.run(issuance, async (): Promise<Became> => {
      const outcome = await this.revokeDue.revoke(due, await this.facts.current());
      return outcome.kind === 'lost' ? { kind: 'unsupported' } : outcome;
    });
    return result;
  }
}

/** @throws TemporarilyUnavailable, UnsupportedTokenType */
function answer(became: readonly Became[], expiresAt: number): void {
  const pending = became.flatMap((one) => (one.kind === 'pending' ? [one.retryAfter ?? ASK_AGAIN] : []));
  if (pending.length > 0) {
    const retryAfter = Math.max(1, ...pending);
    throw new TemporarilyUnavailable('the token is handed out no more, but its authorization server has not revoked it yet', {
      retryAfter,
    });
  }
  if (became.some(({ kind }) => kind === 'unsupported')) {
    throw new UnsupportedTokenType(
      `the token is handed out no more, but its authorization server cannot revoke it: it may work until ${timestamp(expiresAt)}`,
    );
  }
}
