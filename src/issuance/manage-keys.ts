import type { ApiKey, Role } from '../access/api-key.js';
import { Conflict, Invalid, NotFound } from '../access/errors.js';
import { hashKey } from '../access/principal.js';
import type { EntryMaker } from '../attribution/entry.js';
import type { Epoch } from '../attribution/epoch.js';
import { declared } from '../catalogue/look-up.js';
import type { Clock } from '../oauth/clock.js';
import { newIdentifier, newSecretText, type Randomness } from '../oauth/identifier.js';
import { Secret } from '../oauth/secret.js';
import { localRuntime } from '../runs/run.js';
import type { ChangeFacts, Planned } from './change-facts.js';

export interface KeyWish {
  readonly name: string;
  readonly roles: readonly Role[];
  readonly runtime: string | null;
  readonly resource?: string | null;
}

type NewKey = Omit<ApiKey, 'createdAt' | 'revokedAt'>;

/** API keys of named principals: made here, shown once, kept as hashes (DESIGN §4.2). */
export class ManageKeys {
  constructor(
    private readonly changeFacts: ChangeFacts,
    private readonly entries: EntryMaker,
    private readonly clock: Clock,
    private readonly randomness: Randomness,
  ) {}

  /** `entry` records it. @throws Invalid, Unavailable */
  async create(wish: KeyWish, by: string): Promise<{ id: string; key: Secret; entry: string | null }> {
    const { resource = null } = wish;
    requireSense(wish.roles, wish.runtime, resource);
    const key = new Secret(newSecretText(this.randomness));
    const row = this.#row(wish, key);
    const applied = await this.changeFacts.change((facts, after) => {
      if (wish.runtime !== null && wish.runtime !== localRuntime && declared(facts.catalogue.runtimes, wish.runtime) === null) {
        throw new Invalid(
          'runtime_unknown',
          `runtime ${wish.runtime} is not in the catalogue: declare it under runtimes in corridor.yaml first`,
        );
      }
      if (resource !== null && declared(facts.catalogue.resources, resource) === null) {
        throw new Invalid(
          'resource_unknown',
          `resource ${resource} is not in the catalogue: declare it under resources in corridor.yaml first`,
        );
      }
      return this.#created(row, by, after);
    });
    return { id: row.id, key, entry: applied?.entry ?? null };
  }

  /**
   * Registers a key that was made already as the first admin's, unless there is one by then: of replicas that start at the same moment,
   * one does. Gives whether this key is registered, by whomever. @throws Unavailable
   */
  async createFirst(wish: KeyWish, by: string, key: Secret): Promise<boolean> {
    const row = this.#row(wish, key);
    let registered = true;
    await this.changeFacts.change(({ keys }, after) => {
      const isFirst = !keys.some(({ roles }) => roles.includes('admin'));
      registered = isFirst || keys.some(({ sha256 }) => sha256 === row.sha256);
      return isFirst ? this.#created(row, by, after) : null;
    });
    return registered;
  }

  /** Registers a key that was made already, beside all others; `reason` is why nobody with a key made it. @throws Unavailable */
  async recover(wish: KeyWish, by: string, reason: string, key: Secret): Promise<{ id: string; entry: string | null }> {
    const row = this.#row(wish, key);
    const applied = await this.changeFacts.change((_facts, after) => this.#created(row, by, after, { reason }));
    return { id: row.id, entry: applied?.entry ?? null };
  }

  /** The last admin key stays: only who has the database could make another. `revokedAt` in milliseconds since 1970. @throws NotFound, Conflict, Unavailable */
  async revoke(id: string, by: string): Promise<{ revokedAt: number; entry: string | null }> {
    const applied = await this.changeFacts.change((facts, after) => {
      const key = facts.keys.find((candidate) => candidate.id === id);
      if (key === undefined) throw new NotFound('key_unknown', 'there is no such key, or it was revoked already');
      const admins = facts.keys.filter(({ roles }) => roles.includes('admin'));
      if (admins.length === 1 && admins[0] === key) throw new Conflict('last_admin', 'this is the last admin key: make another one first');
      const members = { ...keyMembers(key), revoked_by: by };
      return { change: { kind: 'key.revoked', key: id }, entries: [this.entries.make('key.revoked', after, members)] };
    });
    return { revokedAt: applied?.at ?? this.clock.now(), entry: applied?.entry ?? null };
  }

  #row(wish: KeyWish, key: Secret): NewKey {
    return {
      id: newIdentifier('key', this.clock.now(), this.randomness),
      ...wish,
      resource: wish.resource ?? null,
      sha256: hashKey(key.reveal()),
    };
  }

  #created(key: NewKey, by: string, after: Epoch, why: { readonly reason?: string } = {}): NonNullable<Planned> {
    const entry = this.entries.make('key.created', after, { ...keyMembers(key), created_by: by, ...why });
    return { change: { kind: 'key.created', key }, entries: [entry] };
  }
}

/** A resource server's key lies on machines that others run, so that it is good for nothing else. @throws Invalid */
function requireSense(roles: readonly Role[], runtime: string | null, resource: string | null): void {
  if (roles.length === 0) throw new Invalid('roles_missing', 'a key needs a role at least');
  if (roles.includes('runtime') && runtime === null) throw new Invalid('runtime_missing', 'say which runtime the key is for');
  const asksAboutTokens = roles.includes('resource-server');
  if (asksAboutTokens && resource === null) throw new Invalid('resource_missing', 'say which resource the key is for');
  if (asksAboutTokens && (roles.length > 1 || runtime !== null))
    throw new Invalid('roles_mixed', 'the key of a resource server has no other role');
  if (!asksAboutTokens && resource !== null)
    throw new Invalid('resource_superfluous', 'only a key with the role resource-server is for a resource');
}

function keyMembers(key: Pick<ApiKey, 'id' | 'name' | 'roles' | 'runtime' | 'resource'>) {
  return {
    key: key.id,
    name: key.name,
    roles: key.roles,
    ...(key.runtime === null ? {} : { runtime: key.runtime }),
    ...(key.resource === null ? {} : { resource: { id: key.resource } }),
  };
}
