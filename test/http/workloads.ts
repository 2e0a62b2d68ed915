import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { crm, startWorld, type World } from '../interop/world.js';
import { until } from '../rig/command-line.js';

/** Denies what one project asks for, by its attested name, so that it shows what the policy sees; allows everything else. */
const rego = `package corridor.token

decision := {"allow": false, "reasons": [{"code": "project_forbidden", "region": input.run.attested["/deploy/region"]}]} if {
	input.run.attested.project == "acme/forbidden"
} else := {"allow": true, "reasons": [{"code": "granted"}], "obligations": {"scopes": input.request.scopes}}
`;

export interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

const jwtBearer = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
export const jwtSpiffe = 'urn:ietf:params:oauth:client-assertion-type:jwt-spiffe';

/** A Corridor that trusts the runtimes of a test, and ways to come in with their tokens. */
export class WorkloadWorld {
  #notedBefore = 0;

  private constructor(
    readonly world: World,
    private readonly base: string,
  ) {}

  static async start(): Promise<WorkloadWorld> {
    const world = await startWorld(rego);
    return new WorkloadWorld(world, await readFile(world.corridor.configFile, 'utf8'));
  }

  get issuer(): string {
    return this.world.corridor.issuer;
  }

  /** Applies the catalogue with these runtimes besides, in YAML with two spaces before each. */
  async trust(runtimes: string): Promise<void> {
    const { status, body } = await this.world.corridor.api('POST', '/v1/apply', { source: `${this.base.trimEnd()}\n${runtimes}` });
    if (status !== 200) throw new Error(`the catalogue was refused: ${JSON.stringify(body)}`);
  }

  /** Asks for a token with an assertion. */
  async token(assertion: string, parameters: Readonly<Record<string, string>> = {}): Promise<Answer> {
    this.#notedBefore = this.#securityEvents().length;
    const body = new URLSearchParams({
      grant_type: 'client_credentials',
      resource: crm,
      scope: 'crm:read',
      client_assertion_type: jwtBearer,
      client_assertion: assertion,
      ...parameters,
    });
    return answerOf(await fetch(`${this.issuer}/token`, { method: 'POST', body }));
  }

  /** Exchanges an assertion for a run. */
  async exchange(assertion: string, body?: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    this.#notedBefore = this.#securityEvents().length;
    const type: Readonly<Record<string, string>> = body === undefined ? {} : { 'content-type': 'application/json' };
    const response = await fetch(`${this.world.corridor.url}/v1/runs`, {
      method: 'POST',
      headers: { authorization: `Bearer ${assertion}`, ...type, ...headers },
      body: body === undefined ? null : JSON.stringify(body),
    });
    return answerOf(response);
  }

  /** The newest entry of a type. */
  async newest(type: string): Promise<Readonly<Record<string, unknown>> | undefined> {
    return (await this.entries(`type=${type}&limit=1`))[0];
  }

  async entries(query: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
    const { body } = await this.world.corridor.api('GET', `/v1/entries?${query}`);
    return z.object({ entries: z.array(z.record(z.string(), z.unknown())) }).parse(body).entries;
  }

  /** What is noted of the failed authentication of the last request, maybe a little later than it is answered. */
  async lastSecurityEvent(): Promise<unknown> {
    await until(() => this.#securityEvents().length > this.#notedBefore);
    return JSON.parse(this.#securityEvents().at(-1) ?? '');
  }

  #securityEvents(): readonly string[] {
    const lines = this.world.corridor.output().split('\n').slice(0, -1);
    return lines.filter((line) => /"event":"(authentication_failed|throttled|access_refused)"/.test(line));
  }

  async runsStarted(): Promise<number> {
    return (await this.entries('type=run.started&limit=1000')).length;
  }
}

async function answerOf(response: Response): Promise<Answer> {
  const body: unknown = await response.json();
  return { status: response.status, body: z.record(z.string(), z.unknown()).parse(body) };
}
