import { rm } from 'node:fs/promises';
import { z } from 'zod';
import { startCorridor, type RunningCorridor } from '../rig/corridor.js';
import { policyOf, policyWithGrants, type Grant, type PolicyDirectory } from '../rig/policy-directory.js';
import { copyTemplate } from '../rig/template.js';

export interface FrontDoorOptions {
  /** What `corridor.yaml` says; it has a runtime `ci`. */
  readonly catalogue: string;
  readonly grants: readonly Grant[];
  /** A policy in place of the starter policy with the grants. */
  readonly rego?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** What a runtime gives an agent. */
export interface AgentRun {
  readonly id: string;
  readonly secret: string;
}

export interface TokenAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly body: Readonly<Record<string, unknown>>;
}

export const purpose = 'search-indexing';
const runStarted = z.object({ id: z.string(), client_secret: z.string() });
const members = z.record(z.string(), z.unknown());

/** A Corridor with a data directory of its own, as runtimes, agents and auditors meet it. */
export class FrontDoor {
  private constructor(
    private readonly options: FrontDoorOptions,
    readonly policies: PolicyDirectory,
    readonly corridor: RunningCorridor,
    readonly runtimeKey: string,
  ) {}

  static async open(options: FrontDoorOptions): Promise<FrontDoor> {
    const policies = await (options.rego === undefined ? policyWithGrants(options.grants) : policyOf(options.rego));
    const corridor = await start(options, policies, await copyTemplate());
    const created = await corridor.api('POST', '/v1/keys', { name: 'ci', roles: ['runtime'], runtime: 'ci' });
    const { key } = z.object({ key: z.string() }).parse(created.body);
    return new FrontDoor(options, policies, corridor, key);
  }

  async startRun(workflow: string): Promise<AgentRun> {
    const agent = { name: 'indexer', version: '1.4.0', model: 'none' };
    const { body } = await this.corridor.api('POST', '/v1/runs', { workflow, purpose, agent, ttl: 900 }, this.runtimeKey);
    const { id, client_secret: secret } = runStarted.parse(body);
    return { id, secret };
  }

  async endRun(id: string): Promise<void> {
    await this.corridor.api('POST', `/v1/runs/${id}/end`, undefined, this.runtimeKey);
  }

  async ask(run: AgentRun, parameters: Readonly<Record<string, string>>): Promise<TokenAnswer> {
    const response = await fetch(`${this.corridor.issuer}/token`, {
      method: 'POST',
      headers: { authorization: `Basic ${Buffer.from(`${run.id}:${run.secret}`).toString('base64')}` },
      body: new URLSearchParams({ grant_type: 'client_credentials', ...parameters }),
      signal: AbortSignal.timeout(60_000),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, text, body: members.parse(JSON.parse(text)) };
  }

  /** Kills it, and starts another one in its place: the data directory, the port and the keys are the same. */
  async crashAndStart(): Promise<FrontDoor> {
    await this.corridor.kill();
    await this.corridor.stop(); // what the rig made for it goes
    const port = Number(new URL(this.corridor.url).port);
    return new FrontDoor(
      this.options,
      this.policies,
      await start(this.options, this.policies, this.corridor.dataDir, port),
      this.runtimeKey,
    );
  }

  async close(): Promise<void> {
    await this.corridor.stop();
    await Promise.all([this.policies.remove(), rm(this.corridor.dataDir, { recursive: true, force: true })]);
  }
}

function start(
  { catalogue, env = {} }: FrontDoorOptions,
  policies: PolicyDirectory,
  dataDir: string,
  port?: number,
): Promise<RunningCorridor> {
  return startCorridor({ catalogue, env, dataDir, policies: policies.path, ...(port === undefined ? {} : { port }) });
}
