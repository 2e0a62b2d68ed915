import { z } from 'zod';
import { isSecretMethod, upstreamMethods } from '../catalogue/client-methods.js';
import { CredentialStore, type Credential } from '../credentials/credential.js';
import {
  type CredentialBinding,
  sealingContext,
  type CredentialKey,
  type CredentialState,
  type CredentialVersion,
  type CredentialVersions,
} from '../credentials/sealed-credential.js';
import type { Sealer } from '../credentials/sealer.js';
import { bytes, credentialKey, time } from './column-types.js';
import type { Database, Row } from './database.js';

const VERSION = 'id, client, method, issuer, token_endpoint_origin, public_key, keyed_digest, state, created_at';
const FORMER = 'client, keyed_digest, issuer, token_endpoint_origin';
const NEWEST_FIRST = 'order by created_at desc, id desc';
const BIND = `
  update credential set token_endpoint_origin = coalesce(token_endpoint_origin, $2::text) where id = $1 returning token_endpoint_origin`;

const versionRow = z
  .object({
    id: z.string(),
    client: z.string(),
    method: z.enum(upstreamMethods),
    issuer: z.string(),
    token_endpoint_origin: z.string().nullable(),
    public_key: credentialKey.nullable(),
    keyed_digest: z.string().nullable(),
    state: z.enum(['next', 'current', 'former']),
    created_at: time,
  })
  .transform(({ token_endpoint_origin, public_key, keyed_digest, created_at, ...version }): CredentialVersion => ({
    ...version,
    tokenEndpointOrigin: token_endpoint_origin,
    key: public_key,
    keyedDigest: keyed_digest,
    createdAt: created_at,
  }));

const bindingRow = z
  .object({ client: z.string(), keyed_digest: z.string(), issuer: z.string(), token_endpoint_origin: z.string().nullable() })
  .transform(({ keyed_digest, token_endpoint_origin, ...binding }): CredentialBinding => ({
    ...binding,
    keyedDigest: keyed_digest,
    tokenEndpointOrigin: token_endpoint_origin,
  }));

/** Credentials in the database, sealed; only `current` and `other` open one. */
export class SqlCredentials extends CredentialStore implements CredentialVersions {
  constructor(
    private readonly database: Database,
    private readonly sealer: Sealer,
  ) {
    super();
  }

  current(client: string): Promise<Credential | null> {
    return this.#newest(client, ['current']);
  }

  other(client: string): Promise<Credential | null> {
    return this.#newest(client, ['next', 'former']);
  }

  async issuerOf(credential: string): Promise<string | null> {
    const [row] = await this.database.query('select issuer from credential where id = $1', [credential]);
    return row === undefined ? null : z.object({ issuer: z.string() }).parse(row).issuer;
  }

  async bind(credential: string, tokenEndpointOrigin: string): Promise<string> {
    const [row] = await this.database.query(BIND, [credential, tokenEndpointOrigin]);
    return z.object({ token_endpoint_origin: z.string() }).parse(row).token_endpoint_origin;
  }

  async inUse(): Promise<readonly CredentialVersion[]> {
    const rows = await this.database.query(`select ${VERSION} from credential where retired_at is null ${NEWEST_FIRST}`);
    return rows.map((row) => versionRow.parse(row));
  }

  async formerBindings(): Promise<readonly CredentialBinding[]> {
    const rows = await this.database.query(`select ${FORMER} from credential where retired_at is not null and keyed_digest is not null`);
    return rows.map((row) => bindingRow.parse(row));
  }

  async keysOf(client: string): Promise<readonly CredentialKey[]> {
    const rows = await this.database.query(
      `select public_key from credential where client = $1 and retired_at is null and public_key is not null ${NEWEST_FIRST}`,
      [client],
    );
    return rows.map((row) => credentialKey.parse(row.public_key));
  }

  async #newest(client: string, states: readonly CredentialState[]): Promise<Credential | null> {
    const [row] = await this.database.query(
      `select ${VERSION}, sealed from credential where client = $1 and state = any ($2) ${NEWEST_FIRST} limit 1`,
      [client, states],
    );
    return row === undefined ? null : this.#open(row);
  }

  #open(row: Row): Credential {
    const { sealed } = z.object({ sealed: bytes }).parse(row);
    const { key: half, method, id, client, createdAt, issuer, tokenEndpointOrigin } = versionRow.parse(row);
    const opened = this.sealer.open(sealingContext(id), sealed);
    const version = { id, client, createdAt, issuer, tokenEndpointOrigin };
    if (isSecretMethod(method)) return { ...version, method, secret: opened };
    if (half === null) throw new TypeError(`the credential ${id} has no public key`);
    return { ...version, method, ...half, privateKey: opened };
  }
}
