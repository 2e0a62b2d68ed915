import type { SecurityEvent, SecurityLog } from '../access/security-log.js';
import { InvalidClient, OAuthError } from '../oauth/errors.js';

/** Of what cannot be parsed nobody is the author, so no entry says it: the security log does. */
export function notingFailures<T>(securityLog: SecurityLog, surface: SecurityEvent['surface'], address: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (error instanceof OAuthError) {
      const event = error instanceof InvalidClient ? 'authentication_failed' : 'malformed_request';
      securityLog.write({ event, surface, subject: null, address, detail: error.message });
    }
    throw error;
  }
}
