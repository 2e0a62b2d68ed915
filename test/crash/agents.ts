import { createHash } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { z } from 'zod';
import type { RunningCorridor } from '../rig/corridor.js';
import { isOfStarvedPolicy } from '../rig/starved-policy.js';
import { purpose, resources, scopes, workflows } from './crash-world.js';

/** A token that an agent has in its hands. */
export interface Received {
  readonly run: string;
  readonly sha256: string;
  /** The entry that the answer names. */
  readonly attribution: string;
}

const AGENTS = 6;
/** Milliseconds: if Corridor has not died by then, it does not die of this. */
const PATIENCE = 120_000;
/** How often one token is asked for, and how long after it was said that no evaluation of the policy came in time: its `Retry-After`. */
const TRIES = 5;
const RETRY_AFTER = 1_000;

const runStarted = z.object({ id: z.string(), client_secret: z.string() });
const released = z.object({ access_token: z.string(), attribution: z.string() });

const wishes = resources.flatMap((resource) =>
  [scopes.slice(0, 1), scopes.slice(1), scopes].map((wanted) => ({ resource, scope: wanted.join(' ') })),
);

/** Agents that start runs, ask for tokens and end runs, all at once, until nobody answers any more. */
export class Agents {
  readonly received: Received[] = [];
  /** Answers that are neither a run nor a token: there should be none. */
  readonly unexpected: unknown[] = [];
  /** How often somebody was told that no evaluation of the policy came in time, and asked again. */
  starved = 0;
  readonly #until = performance.now() + PATIENCE;

  constructor(
    private readonly corridor: RunningCorridor,
    private readonly runtimeKey: string,
  ) {}

  async untilItDies(): Promise<void> {
    await Promise.all(Array.from({ length: AGENTS }, (_, index) => this.#work(workflows[index % 2] ?? workflows[0], index)));
  }

  async #work(workflow: string, first: number): Promise<void> {
    try {
      for (let turn = first; performance.now() < this.#until; turn++) await this.#run(workflow, turn);
    } catch (error) {
      if (!isBrokenOff(error)) throw error;
    }
  }

  /** Each token is asked for twice, so that the second answer is a cached one; every other run is ended. */
  async #run(workflow: string, turn: number): Promise<void> {
    const agent = { name: 'indexer', version: '1.4.0', model: 'none' };
    const started = await this.corridor.api('POST', '/v1/runs', { workflow, purpose, agent, ttl: 900 }, this.runtimeKey);
    if (started.status !== 201) {
      this.unexpected.push(started);
      return await wait(RETRY_AFTER);
    }
    const { id, client_secret: secret } = runStarted.parse(started.body);
    for (let index = 0; index < wishes.length && performance.now() < this.#until; index++) {
      const wish = wishes[(index + turn) % wishes.length] ?? wishes[0];
      for (let time = 0; time < 2 && wish !== undefined; time++) await this.#ask(id, secret, wish);
    }
    if (turn % 2 === 0) await this.corridor.api('POST', `/v1/runs/${id}/end`, undefined, this.runtimeKey);
  }

  async #ask(run: string, secret: string, wish: { readonly resource: string; readonly scope: string }): Promise<void> {
    const ask = async (): Promise<{ readonly status: number; readonly text: string }> => {
      const response = await fetch(`${this.corridor.issuer}/token`, {
        method: 'POST',
        headers: { authorization: `Basic ${Buffer.from(`${run}:${secret}`).toString('base64')}` },
        body: new URLSearchParams({ grant_type: 'client_credentials', ...wish }),
      });
      return { status: response.status, text: await response.text() };
    };
    let { status, text } = await ask();
    for (let time = 1; time < TRIES && status === 503 && isOfStarvedPolicy(status, JSON.parse(text)); time++) {
      this.starved++;
      await wait(RETRY_AFTER);
      ({ status, text } = await ask());
    }
    if (status !== 200) return void this.unexpected.push(text);
    const { access_token: token, attribution } = released.parse(JSON.parse(text));
    this.received.push({ run, attribution, sha256: createHash('sha256').update(token).digest('hex') });
  }
}

/** What fetch says when nobody answers any more, or the answer breaks off (an error of another realm than that of the tests). */
function isBrokenOff(error: unknown): boolean {
  return ['TypeError: fetch failed', 'TypeError: terminated'].includes(String(error));
}
