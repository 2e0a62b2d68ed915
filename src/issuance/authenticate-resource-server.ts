import { hashKey } from '../access/principal.js';
import type { SecurityLog } from '../access/security-log.js';
import { InvalidClient, SlowDown } from '../oauth/errors.js';
import type { FailedAttempts } from '../runs/failed-attempts.js';
import type { FactsSource } from './facts.js';
import type { ResourceServerKey } from './token-question.js';

/** Says which resource's server asks: one that was enrolled with a key of its own (CONFORMANCE B97). */
export class AuthenticateResourceServer {
  constructor(
    private readonly facts: FactsSource,
    private readonly failedAttempts: FailedAttempts,
    private readonly securityLog: SecurityLog,
  ) {}

  /** Gives the resource's id. A key of another role is as good as none. @throws InvalidClient, SlowDown */
  async authenticate({ id, key }: ResourceServerKey, address: string): Promise<string> {
    const sha256 = hashKey(key.reveal());
    const { keys } = await this.facts.latest();
    const found = keys.find((candidate) => candidate.sha256 === sha256 && candidate.revokedAt === null);
    const mayAsk = found?.roles.includes('resource-server') === true && (id === null || id === found.id);
    if (mayAsk && found.resource !== null) return found.resource;

    const subject = id ?? `resource server at ${address}`;
    const wait = this.failedAttempts.wait(subject, address);
    this.failedAttempts.note(subject, address);
    const event = wait > 0 ? 'throttled' : 'authentication_failed';
    this.securityLog.write({ event, surface: 'introspection', subject: id, address, detail: 'no key of a resource server' });
    if (wait > 0) throw new SlowDown('too many failed attempts: wait before the next', { retryAfter: wait });
    throw new InvalidClient('client authentication failed', id === null ? 'Bearer' : true);
  }
}
