import { createHash, randomBytes } from 'node:crypto';
import { decodeProtectedHeader } from 'jose';
import { z } from 'zod';
import { EntryMaker } from '../../src/attribution/entry.js';
import type { Catalogue } from '../../src/catalogue/catalogue.js';
import { AesSealer } from '../../src/credentials/aes-sealer.js';
import { SecretReferences } from '../../src/credentials/secret-references.js';
import { BeginRotation } from '../../src/issuance/begin-rotation.js';
import { ChangeFacts } from '../../src/issuance/change-facts.js';
import { CloseIntents } from '../../src/issuance/close-intents.js';
import { CurrentCredentials } from '../../src/issuance/current-credentials.js';
import { Fulfil } from '../../src/issuance/fulfil.js';
import { KeptTokens } from '../../src/issuance/kept-tokens.js';
import { LearnAudience } from '../../src/issuance/learn-audience.js';
import { Circuits } from '../../src/issuance/circuits.js';
import { MintToken } from '../../src/issuance/mint-token.js';
import { ObtainToken } from '../../src/issuance/obtain-token.js';
import { PinMetadata } from '../../src/issuance/pin-metadata.js';
import { ProofsOfPossession } from '../../src/upstreams/proofs-of-possession.js';
import { ProveCredential } from '../../src/issuance/prove-credential.js';
import { RecentFailures } from '../../src/issuance/recent-failures.js';
import { RenewCredentials } from '../../src/issuance/renew-credentials.js';
import { RevokeDue } from '../../src/issuance/revoke-due.js';
import { RevokeToken } from '../../src/issuance/revoke-token.js';
import { RotateCredentials } from '../../src/issuance/rotate-credentials.js';
import { TokenCache } from '../../src/issuance/token-cache.js';
import { AuthorizationDetails } from '../../src/oauth/authorization-details.js';
import { Scope } from '../../src/oauth/scope.js';
import { Secret } from '../../src/oauth/secret.js';
import { LocalKeyEncryptionKey } from '../../src/platform/keys/local-key-encryption-key.js';
import { Database, type Row } from '../../src/store/database.js';
import { IssuanceRows } from '../../src/store/issuance-rows.js';
import { SqlCredentials } from '../../src/store/sql-credentials.js';
import { SqlEntryLog } from '../../src/store/sql-entry-log.js';
import { SqlFactChanges } from '../../src/store/sql-fact-changes.js';
import { SqlFacts } from '../../src/store/sql-facts.js';
import { SqlOwedWork } from '../../src/store/sql-owed-work.js';
import { SqlRotations } from '../../src/store/sql-rotations.js';
import { SqlRuns } from '../../src/store/sql-runs.js';
import { MetadataCache } from '../../src/upstreams/metadata-cache.js';
import { SigningKeys } from '../../src/upstreams/signing-keys.js';
import { UpstreamHttp, type UpstreamRequest, type UpstreamResponse } from '../../src/upstreams/upstream-http.js';
import { Retries } from '../../src/work/retries.js';
import { catalogue, catalogueChange } from '../store/fact-change-samples.js';
import { identifier, World } from '../store/world.js';
import { response } from '../upstreams/answers.js';

const randomness = { bytes: (length: number) => new Uint8Array(randomBytes(length)) };
const issuer = 'https://as.example';
const crm = catalogue.resources['crm']!;

/** An authorization server that accepts what it was told of, and says of each request what it was made with. */
export class LearningServer extends UpstreamHttp {
  /** Key identifiers and secrets that it accepts. */
  knows = new Set<string>();
  /** What each token request was made with, and whether it brought a token; in order. */
  readonly asked: { readonly by: string; readonly accepted: boolean }[] = [];
  readonly issued: string[] = [];
  /** Whether it gives one text until that is revoked. */
  repeats = false;
  readonly revoked: string[] = [];
  /** The error with which it refuses a request of somebody whom it knows; null where it does not. */
  refuses: (form: URLSearchParams) => string | null = () => null;
  /** Each resource and scope that a token was asked for, in order. */
  readonly wanted: string[] = [];
  /** How it says that it does not accept a client. */
  refusal: readonly [status: number, error: string] = [401, 'invalid_client'];
  /** What it does before it looks at a request. */
  onRequest: () => void | Promise<void> = () => undefined;

  override async exchange(request: UpstreamRequest): Promise<UpstreamResponse> {
    if (request.method === 'GET') return response(200, JSON.stringify(metadata));
    const form = new URLSearchParams(request.body);
    await this.onRequest();
    const by = identityOf(request, form);
    const accepted = this.knows.has(by);
    if (request.url.endsWith('/token')) this.asked.push({ by, accepted });
    if (request.url.endsWith('/token')) this.wanted.push(`${form.get('resource') ?? ''} ${form.get('scope') ?? ''}`);
    if (!accepted) return response(this.refusal[0], JSON.stringify({ error: this.refusal[1] }));
    if (request.url.endsWith('/revoke')) {
      this.revoked.push(form.get('token') ?? '');
      return response(200, '');
    }
    const error = this.refuses(form);
    if (error !== null) return response(400, JSON.stringify({ error }));
    const last = this.issued.at(-1);
    const repeated = this.repeats && last !== undefined && !this.revoked.includes(last) ? last : null;
    const token = repeated ?? randomBytes(16).toString('hex');
    this.issued.push(token);
    return response(200, JSON.stringify({ access_token: token, token_type: 'Bearer', expires_in: 300, scope: form.get('scope') }));
  }
}

const metadata = { issuer, token_endpoint: `${issuer}/token`, revocation_endpoint: `${issuer}/revoke` };

function identityOf(request: UpstreamRequest, form: URLSearchParams): string {
  const assertion = form.get('client_assertion');
  if (assertion !== null) return decodeProtectedHeader(assertion).kid ?? '';
  const basic = request.headers['authorization']?.replace('Basic ', '') ?? '';
  return Buffer.from(basic, 'base64').toString().split(':')[1] ?? '';
}

/** A database that dies at one of its statements that record or change something: before it, or before its answer arrives. */
export class MortalDatabase extends Database {
  #left = Infinity;
  #moment: 'before' | 'after' = 'before';
  #dead = false;

  constructor(private readonly database: Database) {
    super();
  }

  dieAt(statement: number, moment: 'before' | 'after'): void {
    this.#left = statement;
    this.#moment = moment;
  }

  get isDead(): boolean {
    return this.#dead;
  }

  async query(sql: string, parameters?: readonly unknown[]): Promise<readonly Row[]> {
    if (this.#dead) throw new Error('dead');
    if (!sql.startsWith('call ')) return this.database.query(sql, parameters);
    const dies = --this.#left === 0;
    if (dies && this.#moment === 'before') this.#die();
    const rows = await this.database.query(sql, parameters);
    if (dies) this.#die();
    return rows;
  }

  async close(): Promise<void> {
    await this.database.close();
  }

  #die(): never {
    this.#dead = true;
    throw new Error('dead');
  }
}

class References extends SecretReferences {
  constructor(private readonly world: RotationWorld) {
    super();
  }
  override async read(): Promise<Secret> {
    return new Secret(this.world.secret);
  }
}

const rotated = z.object({ state: z.string(), fault: z.string().nullable(), attempts: z.number() });
const recorded = z.looseObject({
  type: z.string(),
  issuance: z.string().optional(),
  cause: z.string().optional(),
  run: z.string().optional(),
});

/** One database, one authorization server, and as many Corridors as a test wants. Time passes when it is told to. */
export class RotationWorld {
  readonly clock = { now: () => Date.now() };
  readonly server = new LearningServer();
  readonly sealer = new AesSealer(new LocalKeyEncryptionKey(randomBytes(32)), randomness);
  readonly digestKey = randomBytes(32);
  readonly alarms: string[] = [];
  /** What the reference holds, where the client has one. */
  secret = 'first-secret';

  private constructor(
    readonly database: Database,
    readonly world: World,
  ) {}

  static async of(database: Database, edit: Partial<Catalogue['clients'][string]> = {}): Promise<RotationWorld> {
    const world = new RotationWorld(database, await World.empty(database));
    await world.world.change(catalogueChange(world.catalogueWith(edit)));
    await world.replica().renew.renew();
    for (const known of await world.versions()) world.server.knows.add(known.kid ?? world.secret);
    return world;
  }

  /** One that has three resources, each with the scopes of the first. */
  catalogueWith(edit: Partial<Catalogue['clients'][string]>): Catalogue {
    const demo = { ...catalogue.authorizationServers['demo']!, issuer };
    const more = ['files', 'ledger'].map((id) => [id, { ...crm, id, uri: `https://${id}.example/api` }] as const);
    const resources = { crm, ...Object.fromEntries(more) };
    return { ...catalogue, resources, authorizationServers: { demo }, clients: { indexer: { ...catalogue.clients['indexer']!, ...edit } } };
  }

  /** A Corridor that has just been started. */
  replica(database: Database = this.database): Replica {
    return new Replica(this, database);
  }

  /** Time passes: everything that was moves into the past. */
  async pass(seconds: number): Promise<void> {
    const past = (column: string): string => `${column} = ${column} - make_interval(secs => ${seconds})`;
    await this.database.query(`update rotation set ${['begun_at', 'due_at', 'deadline', 'ended_at'].map(past).join()}`);
    await this.database.query(`update credential set ${past('created_at')}`);
    const times = ['deadline', 'exposed_until', 'issued_at', 'expires_at', 'served_until'];
    await this.database.query(`update issuance set ${times.map(past).join()}`);
    await this.database.query(`update work set ${past('due_at')}`);
  }

  async versions(): Promise<readonly { id: string; state: string; kid: string | null }[]> {
    const rows = await this.database.query(
      `select id, state, public_key ->> 'kid' as kid from credential where retired_at is null order by created_at, id`,
    );
    return z.array(z.object({ id: z.string(), state: z.string(), kid: z.string().nullable() })).parse(rows);
  }

  async rotation(): Promise<z.infer<typeof rotated>> {
    const [row] = await this.database.query('select state, fault, attempts from rotation order by begun_at desc limit 1');
    return rotated.parse(row);
  }

  async secondsSinceBegin(): Promise<number> {
    const [row] = await this.database.query('select extract(epoch from now() - max(begun_at))::float8 as seconds from rotation');
    return z.object({ seconds: z.number() }).parse(row).seconds;
  }

  async entries(): Promise<readonly z.infer<typeof recorded>[]> {
    const rows = await this.database.query('select bytes from entry order by number');
    return rows.map(({ bytes }) => recorded.parse(JSON.parse(Buffer.from(bytes as Uint8Array).toString())));
  }

  /** Intents without exactly one outcome, and tokens of proofs that nobody revokes. */
  async loose(): Promise<readonly string[]> {
    const entries = await this.entries();
    const outcomes = entries.filter(({ type }) => ['token.issued', 'token.failed', 'token.refused', 'token.unknown'].includes(type));
    const opened = entries.filter(({ type }) => type === 'token.requested').map(({ issuance }) => issuance);
    const closed = (issuance: string | undefined): number => outcomes.filter((entry) => entry.issuance === issuance).length;
    const left = await this.database.query(
      `select id from issuance where run is null and sealed is not null and revocation is distinct from 'revoked'`,
    );
    return [...opened.filter((issuance) => closed(issuance) !== 1), ...left.map(({ id }) => id)].map(String);
  }
}

/** What one process has of Corridor: everything that fulfils requests and rotates credentials. */
export class Replica {
  readonly renew: RenewCredentials;
  readonly begin: BeginRotation;
  readonly rotate: RotateCredentials;
  readonly fulfil: Fulfil;
  readonly revokeDue: RevokeDue;
  readonly closeIntents: CloseIntents;
  readonly retries: Retries;
  readonly #facts: SqlFacts;

  constructor(
    private readonly world: RotationWorld,
    database: Database,
  ) {
    const { clock, server: http, sealer, digestKey } = world;
    const references = new References(world);
    const faultLog = { write: (error: unknown) => void world.alarms.push(String(error)) };
    const instance = identifier('ins');
    const entries = new EntryMaker(instance, clock, randomness);
    const log = new SqlEntryLog(database);
    const facts = new SqlFacts(database);
    const versions = new SqlCredentials(database, sealer);
    const credentials = new CurrentCredentials(versions, facts);
    const rotations = new SqlRotations(database);
    const issuances = new IssuanceRows(database);
    const changeFacts = new ChangeFacts(facts, new SqlFactChanges(database), clock, randomness);
    const signing = { clock, randomness, keys: new SigningKeys(), proofs: new ProofsOfPossession(clock, randomness) };
    const servers = new MetadataCache(http, clock, new PinMetadata(facts, changeFacts, entries));
    const besideTokens = new Circuits(clock, randomness);
    const revokeToken = new RevokeToken(http, signing, besideTokens);
    const learn = new LearnAudience(http, signing, besideTokens);
    const prove = new ProveCredential(facts, versions, servers, http, signing, sealer, log, entries, clock, randomness, instance);
    const mint = new MintToken(http, signing, sealer, revokeToken, learn, issuances, log, entries, clock, randomness, instance);
    const kept = new KeptTokens(issuances, sealer, false);
    this.#facts = facts;
    this.renew = new RenewCredentials(changeFacts, versions, references, digestKey, sealer, entries, clock, randomness);
    this.begin = new BeginRotation(facts, changeFacts, rotations, versions, references, digestKey, sealer, entries, clock, randomness);
    const retries = new Retries(new SqlOwedWork(database), facts, log, entries, faultLog);
    this.retries = retries;
    this.rotate = new RotateCredentials(changeFacts, rotations, versions, versions, prove, entries, faultLog, retries);
    const cache = new TokenCache(randomness);
    const obtain = new ObtainToken(
      credentials,
      servers,
      cache,
      kept,
      new RecentFailures(clock, randomness),
      new Circuits(clock, randomness),
      mint,
      faultLog,
      clock,
      signing.proofs,
    );
    this.fulfil = new Fulfil(cache, obtain, log, entries, faultLog, clock);
    this.revokeDue = new RevokeDue(facts, issuances, credentials, servers, revokeToken, sealer, log, entries, retries, faultLog, clock);
    this.closeIntents = new CloseIntents(facts, issuances, log, entries, retries);
  }

  /** What the work loops do: everything that is due. */
  async work(): Promise<void> {
    const { changed } = await this.renew.renew();
    await this.begin.beginDue(changed);
    await this.rotate.turn();
    await this.closeIntents.closeOverdue();
    await this.revoke();
  }

  /** Revokes what is due, to the end. */
  async revoke(): Promise<void> {
    await this.revokeDue.turn();
    await this.revokeDue.settled();
  }

  /** A request of a new run, for which nothing is cached. Gives the token's SHA-256, or why there is none. */
  async ask(): Promise<string> {
    const run = await new SqlRuns(this.world.database).find(await this.world.world.running());
    if (run === null) throw new TypeError('the run is not there');
    for (let attempt = 0; attempt < 5; attempt++) {
      const facts = await this.#facts.latest();
      const { workflows, clients, authorizationServers } = facts.catalogue;
      const [workflow, client, server] = [workflows['nightly-index']!, clients['indexer']!, authorizationServers['demo']!];
      const scope = Scope.of(['crm:read']);
      const admitted = { resource: crm, server, parties: [{ run, workflow, client }] as const };
      const answer = await this.fulfil.fulfil(
        {
          facts,
          run,
          asked: { scope, details: AuthorizationDetails.none, resources: [], traceparent: null },
          traceparent: null,
          requestedScope: scope,
          requestedDetails: AuthorizationDetails.none,
          resource: crm,
          resourceAsked: crm.uri,
          outcome: { kind: 'admitted', admitted },
        },
        {
          kind: 'allowed',
          decision: decision(),
          admitted,
          scope,
          details: AuthorizationDetails.none,
          maxTtl: 300,
          isolation: 'run',
          counters: [],
          input: null,
        },
      );
      if (answer.kind === 'released') return createHash('sha256').update(answer.release.accessToken.reveal()).digest('hex');
      if (answer.kind === 'turned_away') return `none: ${answer.error.message}`;
    }
    return 'none: facts kept moving';
  }
}

function decision() {
  const id = identifier('dec');
  return {
    id,
    by: 'policy',
    revision: null,
    inputSha256: null,
    allow: true,
    reasons: [],
    obligations: {},
    failure: false,
    repeatable: true,
  } as const;
}
