import { createHash } from 'node:crypto';
import { Agent, request } from 'undici';
import { z } from 'zod';
import { resources, scope, type Resource } from './scaled-catalogue.js';
import type { ScaledWorld } from './scaled-world.js';

/** A run as its agent knows it: how it authenticates, in a header or by parameters. */
export interface AgentRun {
  readonly id: string;
  readonly authorization: string | null;
  readonly parameters: Readonly<Record<string, string>>;
}

export function bySecret(id: string, secret: string): AgentRun {
  return { id, authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`, parameters: {} };
}

export function byAssertion(id: string, assertion: string): AgentRun {
  const type = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
  return { id, authorization: null, parameters: { client_assertion_type: type, client_assertion: assertion } };
}

/** An answer, or null where there was none: nobody knows then what was done. */
export type Answered = { readonly status: number; readonly body: Readonly<Record<string, unknown>> } | null;

/** What a token request brought. */
export interface Asked {
  readonly answer: Answered;
  /** Of the token, in hex. */
  readonly sha256: string | null;
  readonly entry: string | null;
}

const members = z.record(z.string(), z.unknown()).catch({});
const released = z.object({ access_token: z.string(), attribution: z.string() });

/** The error that an answer names, by OAuth or by the administration API; an empty text where it names none. */
export function errorOf(answer: Answered): string {
  const error = answer?.body['error'] ?? answer?.body['code'];
  return typeof error === 'string' ? error : '';
}

/** The replicas as agents, runtimes and responders call them. */
export class Surface {
  readonly #connections = new Agent({ connections: 64, headersTimeout: 40_000, bodyTimeout: 40_000 });

  constructor(private readonly world: ScaledWorld) {}

  async ask(replica: number, run: AgentRun, resource: Resource): Promise<Asked> {
    return this.askWith(replica, run.authorization, { ...run.parameters, resource: resources[resource], scope });
  }

  async askWith(replica: number, authorization: string | null, parameters: Readonly<Record<string, string>>): Promise<Asked> {
    const answer = await this.#call(`${this.world.replica(replica).issuer}/token`, 'POST', {
      headers: { 'content-type': 'application/x-www-form-urlencoded', ...(authorization === null ? {} : { authorization }) },
      body: new URLSearchParams({ grant_type: 'client_credentials', ...parameters }).toString(),
    });
    if (answer?.status !== 200) return { answer, sha256: null, entry: null };
    const { access_token: token, attribution } = released.parse(answer.body);
    return { answer, sha256: createHash('sha256').update(token).digest('hex'), entry: attribution };
  }

  /** With the admin's key unless another is given. */
  async api(replica: number, method: 'GET' | 'POST' | 'DELETE', route: string, body?: unknown, key?: string): Promise<Answered> {
    const { url, adminKey } = this.world.replica(replica);
    return this.#call(url + route, method, {
      headers: { authorization: `Bearer ${key ?? adminKey}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      body: body === undefined ? null : JSON.stringify(body),
    });
  }

  async close(): Promise<void> {
    await this.#connections.destroy();
  }

  async #call(
    url: string,
    method: 'GET' | 'POST' | 'DELETE',
    { headers, body }: { headers: Record<string, string>; body: string | null },
  ): Promise<Answered> {
    try {
      const response = await request(url, { method, headers, body, dispatcher: this.#connections });
      return { status: response.statusCode, body: members.parse(JSON.parse(await response.body.text())) };
    } catch {
      return null; // the connection was refused or broke off, or nothing came in time
    }
  }
}
