import { createHash } from 'node:crypto';
import { byItself, type EntryLog } from '../attribution/entry-log.js';
import type { EntryMaker } from '../attribution/entry.js';
import { declared } from '../catalogue/look-up.js';
import type { Clock } from '../oauth/clock.js';
import { SlowDown } from '../oauth/errors.js';
import type { AuthenticateRun } from '../runs/authenticate-run.js';
import type { Run } from '../runs/run.js';
import { whoMembers } from '../runs/who-members.js';
import type { FactsSource } from './facts.js';
import type { GivenTokens, LiveGivenToken } from './given-tokens.js';
import { SingleFlight } from './single-flight.js';
import { SlidingMinute } from './sliding-minute.js';
import type { TokenCache } from './token-cache.js';
import type { TokenQuestion } from './token-question.js';

/**
 * How many tokens in a minute are dropped on the word of those who may be served one and the same, for one resource: each costs a token
 * at the authorization server, so that nobody can make a storm of it.
 */
const PER_MINUTE = 3;

/**
 * A run tells that the resource does not accept a token that it was given (DESIGN §3). The token is dropped once: nobody is handed it any
 * more, its server is asked to revoke it as any that is withdrawn, and whoever asks next gets another.
 */
export class ReportRejectedToken {
  readonly #flights = new SingleFlight<void>();
  readonly #dropped = new SlidingMinute();

  constructor(
    private readonly authenticateRun: AuthenticateRun,
    private readonly tokens: GivenTokens,
    private readonly cache: TokenCache,
    private readonly facts: FactsSource,
    private readonly log: EntryLog,
    private readonly entries: EntryMaker,
    private readonly clock: Clock,
  ) {}

  /**
   * Resolves when the token is live no more, or was not live for this run before: dropped already, unknown or another's, which look alike.
   * @throws OAuthError; LogUnavailable when the store cannot be reached
   */
  async report({ clientAuthentication, token, address }: TokenQuestion): Promise<void> {
    const run = await this.authenticateRun.authenticate(clientAuthentication, address, 'api');
    const sha256 = createHash('sha256').update(token.reveal()).digest('hex');
    await this.#flights.run(`${run.id} ${sha256}`, async () => {
      const live = await this.tokens.live(sha256, { run: run.id });
      if (live !== null) await this.#drop(run, sha256, live);
    });
  }

  /** Recorded first: a report that is recorded and did nothing, since the process died, is made again; the reverse would be lost. */
  async #drop(run: Run, sha256: string, live: LiveGivenToken): Promise<void> {
    const domain = live.isolation === 'run' ? `run ${run.id}` : `workflow ${live.workflow}`;
    const key = `${domain} ${live.client} ${live.resource}`;
    const now = this.clock.now();
    const wait = this.#dropped.wait(key, PER_MINUTE, now);
    if (wait > 0) {
      const sentence = 'too many tokens for this resource were reported in a minute: the fault may not be in the tokens';
      throw new SlowDown(sentence, { reasons: [{ code: 'rate_limited', per_minute: PER_MINUTE }], retryAfter: Math.ceil(wait / 1000) });
    }
    this.#dropped.count(key, now);
    await this.#record(run, sha256, live);
    const withdrawal = await this.tokens.withdraw(sha256, run.id, 0);
    if (withdrawal.kind !== 'withdrawn') return;
    for (const { cacheKey, issuance } of withdrawal.tokens) this.cache.drop(cacheKey, issuance);
  }

  async #record(run: Run, sha256: string, { issuance, client, resource, workflow }: LiveGivenToken): Promise<void> {
    const { epoch, catalogue } = await this.facts.current();
    const owner = declared(catalogue.workflows, run.workflow)?.owner ?? null;
    const members = { ...whoMembers(run, owner), issuance, client, resource: { id: resource }, token: { sha256 } };
    const columns = { run: run.id, workflow, ...(owner === null ? {} : { owner }), client, resource, issuance, tokenSha256: sha256 };
    const entry = this.entries.make('token.rejected', epoch, members, columns);
    await this.log.append([byItself(entry)]);
  }
}
