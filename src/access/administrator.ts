import type { Role } from './api-key.js';
import type { Principal } from './principal.js';
import type { AdministrativeAction, SecurityLog } from './security-log.js';

/** A principal at work, with the address that it works from. */
export class Administrator implements Principal {
  readonly key: string;
  readonly name: string;
  readonly roles: readonly Role[];
  readonly runtime: string | null;

  constructor(
    { key, name, roles, runtime }: Principal,
    readonly address: string,
    private readonly securityLog: SecurityLog,
  ) {
    this.key = key;
    this.name = name;
    this.roles = roles;
    this.runtime = runtime;
  }

  /** Notes what was done, once it is durable. `subject` is the id of what was changed, `entry` records it; null: nothing was changed. */
  did(action: AdministrativeAction, subject: string, entry: string | null): void {
    if (entry === null) return;
    const { name: by, key, address } = this;
    this.securityLog.write({ event: 'administered', action, by, key, address, subject, entry });
  }
}
