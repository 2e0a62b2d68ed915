import { z } from 'zod';
import { roles } from '../access/api-key.js';
import { sameEpoch, type Epoch } from '../attribution/epoch.js';
import { emptyCatalogue, type Catalogue } from '../catalogue/catalogue.js';
import { parseStoredCatalogue } from '../catalogue/stored-catalogue.js';
import { FactsSource, type Facts } from '../issuance/facts.js';
import { suspensionKinds } from '../suspensions/suspension.js';
import { documentShape } from '../upstreams/server-document.js';
import type { Database } from './database.js';
import { count } from './column-types.js';

// Inside json a time is milliseconds, so that it needs no second parser.
const SNAPSHOT = `
  select f.incarnation, f.number, c.id as revision,
    case when c.id is distinct from $1::text then c.catalogue end as catalogue,
    (select p.digest from policy_revision p where p.active) as policy_revision,
    coalesce((select json_agg(json_build_object('id', s.id, 'kind', s.kind, 'target', s.target, 'reason', s.reason, 'raisedBy', s.raised_by,
        'raisedAt', extract(epoch from s.raised_at) * 1000, 'expiresAt', extract(epoch from s.expires_at) * 1000, 'liftedAt', null) order by s.id)
      from suspension s where s.lifted_at is null), '[]') as suspensions,
    coalesce((select json_agg(json_build_object('id', k.id, 'name', k.name, 'roles', k.roles, 'runtime', k.runtime, 'resource', k.resource, 'sha256', k.sha256,
        'createdAt', extract(epoch from k.created_at) * 1000, 'revokedAt', null) order by k.id)
      from api_key k where k.revoked_at is null), '[]') as keys,
    coalesce((select json_agg(json_build_object('authorizationServer', m.authorization_server, 'issuer', m.issuer, 'location', m.location,
        'document', m.document, 'digest', m.digest, 'pinnedAt', extract(epoch from m.pinned_at) * 1000, 'approvedBy', m.approved_by)
        order by m.authorization_server, m.issuer)
      from server_metadata m), '[]') as pins
  from facts f left join catalogue_revision c on c.active`;

const epochRow = z
  .object({ incarnation: z.string(), number: count })
  .transform(({ incarnation, number }): Epoch => ({ incarnation, number }));

const suspension = z.object({
  id: z.string(),
  kind: z.enum(suspensionKinds),
  target: z.string().nullable(),
  reason: z.string(),
  raisedBy: z.string(),
  raisedAt: z.number(),
  expiresAt: z.number().nullable(),
  liftedAt: z.null(),
});

const key = z.object({
  id: z.string(),
  name: z.string(),
  roles: z.array(z.enum(roles)),
  runtime: z.string().nullable(),
  resource: z.string().nullable(),
  sha256: z.string(),
  createdAt: z.number(),
  revokedAt: z.null(),
});

const pin = z.object({
  authorizationServer: z.string(),
  issuer: z.string(),
  location: z.string(),
  document: documentShape,
  digest: z.string(),
  pinnedAt: z.number(),
  approvedBy: z.string().nullable(),
});

const snapshotRow = z.object({
  revision: z.string().nullable(),
  catalogue: z.unknown(),
  policy_revision: z.string().nullable(),
  suspensions: z.array(suspension),
  keys: z.array(key),
  pins: z.array(pin),
});

interface Snapshot {
  readonly facts: Facts;
  /** The catalogue's revision, by which it is known again without being read again. */
  readonly revision: string | null;
}

/** Facts from the database: each snapshot is one statement, and is read only when the epoch has moved. */
export class SqlFacts extends FactsSource {
  #last: Snapshot | null = null;
  #running: Promise<Facts> | null = null;
  #next: Promise<Facts> | null = null;

  constructor(private readonly database: Database) {
    super();
  }

  /** Makes the one row of facts at the first start; returns the epoch that holds. */
  async initialise(incarnation: string): Promise<Epoch> {
    await this.database.query('insert into facts (incarnation, number) values ($1, 1) on conflict do nothing', [incarnation]);
    return this.#epoch();
  }

  async current(): Promise<Facts> {
    return this.#last?.facts ?? this.latest();
  }

  /** Calls that come while one reads share the next reading: the running one may be older than they are. */
  latest(): Promise<Facts> {
    if (this.#next !== null) return this.#next;
    if (this.#running !== null) {
      const refresh = (): Promise<Facts> => {
        this.#next = null;
        return this.#start();
      };
      this.#next = this.#running.then(refresh, refresh);
      return this.#next;
    }
    return this.#start();
  }

  #start(): Promise<Facts> {
    const reading = this.#refresh().finally(() => {
      this.#running = null;
    });
    this.#running = reading;
    return reading;
  }

  async #refresh(): Promise<Facts> {
    if (this.#last !== null && sameEpoch(await this.#epoch(), this.#last.facts.epoch)) return this.#last.facts;
    this.#last = await this.#snapshot(this.#last);
    return this.#last.facts;
  }

  async #epoch(): Promise<Epoch> {
    const [row] = await this.database.query('select incarnation, number from facts');
    return epochRow.parse(row);
  }

  async #snapshot(known: Snapshot | null): Promise<Snapshot> {
    const [row] = await this.database.query(SNAPSHOT, [known?.revision ?? null]);
    const { revision, catalogue, policy_revision: policyRevision, suspensions, keys, pins } = snapshotRow.parse(row);
    return {
      revision,
      facts: { epoch: epochRow.parse(row), catalogue: catalogueOf(revision, catalogue, known), suspensions, keys, policyRevision, pins },
    };
  }
}

function catalogueOf(revision: string | null, stored: unknown, known: Snapshot | null): Catalogue {
  if (revision === null) return emptyCatalogue;
  return known !== null && known.revision === revision ? known.facts.catalogue : parseStoredCatalogue(stored);
}
