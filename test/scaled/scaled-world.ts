import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { JWK } from 'jose';
import { z } from 'zod';
import { startAuthorizationServer, type RunningAuthorizationServer } from '../rig/authorization-server.js';
import { freePort, startCorridor, type RunningCorridor } from '../rig/corridor.js';
import { policyWithGrants, type PolicyDirectory } from '../rig/policy-directory.js';
import { CuttableWire } from './cuttable-wire.js';
import { Platforms } from './platforms.js';
import { RestartablePostgres } from './restartable-postgres.js';
import { clientOf, firstVariant, purposes, resources, scaledCatalogue, scope, workflows, type Variant } from './scaled-catalogue.js';

/** Milliseconds by which the wall clocks of the replicas are wrong. */
const SKEWS = [-90_000, 0, 90_000] as const;
const secrets = ['FETCH', 'INDEX'] as const;
const jwks = z.object({ keys: z.array(z.looseObject({ kty: z.string() }).transform((key): JWK => key)) });
/** Seconds that an upstream token lives: every one of a round is over before long. */
const TOKEN_LIFE = 120;

interface Links {
  /** Where Redis is, if there is one. */
  readonly redisUrl?: string | undefined;
  /** Whether the replicas reach both over wires that can be cut. */
  readonly wired?: boolean;
  /** Seconds that an upstream token lives which nobody can revoke. */
  readonly jwtLife?: number;
}

/** PostgreSQL and perhaps Redis, three replicas that each reach them over wires of their own, and an authorization server, each a process of its own. */
export class ScaledWorld {
  readonly replicas: RunningCorridor[] = [];
  #authorizationServer: RunningAuthorizationServer | null = null;

  private constructor(
    readonly postgres: RestartablePostgres,
    readonly database: string,
    readonly wires: readonly CuttableWire[],
    readonly redisWires: readonly CuttableWire[],
    readonly issuer: string,
    private readonly ports: readonly number[],
    private readonly upstreamPort: number,
    private readonly directory: string,
    private readonly policies: PolicyDirectory,
    readonly platforms: Platforms,
    private readonly secretOf: ReadonlyMap<string, string>,
    private readonly redisUrl: string | undefined,
    private readonly jwtLife: number,
  ) {}

  /**
   * All three replicas start at the same moment, upon an empty database. Wires lead through the process of the tests, which takes its
   * time: where times are measured there are none, and the replicas speak with PostgreSQL as they do anywhere.
   * @throws where there is no PostgreSQL
   */
  static async start(
    postgres: RestartablePostgres,
    name: string,
    { redisUrl, wired = true, jwtLife = TOKEN_LIFE }: Links = {},
  ): Promise<ScaledWorld> {
    const database = await postgres.freshDatabase(name);
    const wiresTo = (url: string): Promise<CuttableWire[]> => Promise.all(wired ? SKEWS.map(() => CuttableWire.to(url)) : []);
    const wires = await wiresTo(database);
    const redisWires = redisUrl === undefined ? [] : await wiresTo(redisUrl);
    const [upstreamPort, ...ports] = await Promise.all([freePort(), ...SKEWS.map(() => freePort())]);
    const grants = workflows.flatMap((workflow) =>
      purposes.flatMap((purpose) =>
        Object.values(resources).map((resource) => ({ workflow, purpose, resource, scopes: [scope], max_ttl: 3600 })),
      ),
    );
    const world = new ScaledWorld(
      postgres,
      name,
      wires,
      redisWires,
      `http://127.0.0.1:${ports[0]}/oauth2`,
      ports,
      upstreamPort,
      await mkdtemp(path.join(os.tmpdir(), 'corridor-scaled-')),
      await policyWithGrants(grants),
      await Platforms.start(),
      new Map(secrets.map((secret) => [secret, randomBytes(32).toString('hex')])),
      redisUrl,
      jwtLife,
    );
    try {
      await Promise.all(SKEWS.map((_, index) => world.startReplica(index)));
      await world.#startAuthorizationServer();
      return world;
    } catch (error) {
      await world.stop();
      throw error;
    }
  }

  get authorizationServer(): RunningAuthorizationServer {
    if (this.#authorizationServer === null) throw new TypeError('the authorization server has not started');
    return this.#authorizationServer;
  }

  replica(index: number): RunningCorridor {
    const replica = this.replicas[index % this.replicas.length];
    if (replica === undefined) throw new TypeError('there are no replicas');
    return replica;
  }

  /** The run that was opened for a pod, if one was, and if the database can say so. */
  async runOfPod(uid: string): Promise<string | null> {
    const sql = `select id from run where platform_run = '${JSON.stringify(['cluster', uid])}'`;
    const [row] = await this.postgres.ask(sql, this.database).catch(() => []);
    return z.object({ id: z.string() }).safeParse(row).data?.id ?? null;
  }

  /** How many runs the record says were started under this id of a platform. */
  async runsOfPlatform(runtime: string, id: string): Promise<number> {
    const sql = `select from entry where type = 'run.started' and convert_from(bytes, 'UTF8')::jsonb @> '${JSON.stringify({ runtime, identity: { run_id: id } })}'`;
    return (await this.postgres.ask(sql, this.database)).length;
  }

  catalogue(variant: Variant): string {
    return scaledCatalogue(`http://127.0.0.1:${this.upstreamPort}`, this.platforms.runtimes, variant);
  }

  /** Starts one, in place of the one before it if there was one. The last of them can be frozen. */
  async startReplica(index: number): Promise<RunningCorridor> {
    const redisUrl = this.redisWires[index]?.url ?? this.redisUrl;
    const here = (script: string): string => path.join(import.meta.dirname, script);
    const serves = index === SKEWS.length - 1 ? here('freezing-corridor.mjs') : here('../../dist/main.js');
    const started = await startCorridor({
      catalogue: this.catalogue(firstVariant),
      policies: this.policies.path,
      dataDir: this.directory,
      port: this.ports[index] ?? 0,
      script: ['--import', here('skewed-clock.mjs'), serves],
      env: {
        CORRIDOR_DATABASE_URL: this.wires[index]?.url ?? this.postgres.url(this.database),
        CORRIDOR_PUBLIC_URL: new URL(this.issuer).origin,
        CORRIDOR_TEST_SKEW_MS: String(SKEWS[index]),
        ...(redisUrl === undefined ? {} : { CORRIDOR_REDIS_URL: redisUrl }),
        ...Object.fromEntries([...this.secretOf].map(([name, secret]) => [`CORRIDOR_CLIENT_${name}`, secret])),
      },
    });
    this.replicas[index] = started;
    return started;
  }

  async stop(): Promise<void> {
    for (const replica of this.replicas) replica.signal('SIGCONT');
    await Promise.all(this.replicas.map((replica) => replica.stop()));
    const wires = [...this.wires, ...this.redisWires];
    await Promise.all([this.#authorizationServer?.stop(), this.policies.remove(), ...wires.map((wire) => wire.close())]);
    await rm(this.directory, { recursive: true, force: true });
  }

  async #startAuthorizationServer(): Promise<void> {
    const { keys } = jwks.parse((await this.replica(0).api('GET', `/oauth2/clients/${clientOf('plan')}/jwks`)).body);
    this.#authorizationServer = await startAuthorizationServer({
      port: this.upstreamPort,
      clients: [
        { client_id: 'corridor-plan', token_endpoint_auth_method: 'private_key_jwt', jwks: { keys } },
        ...[...this.secretOf].map(([name, secret]) => ({
          client_id: `corridor-${name.toLowerCase()}`,
          token_endpoint_auth_method: 'client_secret_basic' as const,
          client_secret: secret,
        })),
      ],
      resources: {
        [resources.crm]: { scopes: [scope], ttl: this.jwtLife, format: 'jwt' },
        [resources.files]: { scopes: [scope], ttl: TOKEN_LIFE, format: 'opaque' },
      },
    });
  }
}
