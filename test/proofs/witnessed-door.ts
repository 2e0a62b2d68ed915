import { randomBytes } from 'node:crypto';
import { expect } from '@jest/globals';
import { z } from 'zod';
import type { FrontDoor } from './front-door.js';
import type { Canary } from './needles.js';

const members = z.record(z.string(), z.unknown());

/** Notes what goes through the door of one Corridor after the other: what must be seen nowhere, and all that Corridor says. */
export class WitnessedDoor {
  /** Everything that must be seen nowhere; it grows as the day goes. */
  readonly canaries: Canary[] = [];
  /** What Corridor answered, but for the answers whose very sense is a secret. */
  readonly told: string[] = [];

  constructor(public door: FrontDoor) {}

  secret(what: string, text = randomBytes(32).toString('base64url')): string {
    this.canaries.push({ what, text });
    return text;
  }

  /** A token request as it comes, to wherever it goes; gives the status. */
  async ask(body: string, headers: Readonly<Record<string, string>> = {}, target = '/oauth2/token'): Promise<number> {
    const response = await fetch(`${this.door.corridor.url}${target}`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded', traceparent: sampled(), ...headers },
      body,
    });
    const text = await response.text();
    if (response.status !== 200) this.told.push(text, JSON.stringify([...response.headers]));
    return response.status;
  }

  /** A call to the administration, with a JSON body or with a text that only says that it is one. */
  async administer(
    status: number,
    method: string,
    route: string,
    body?: unknown,
    key = this.door.corridor.adminKey,
  ): Promise<Record<string, unknown>> {
    const response = await fetch(`${this.door.corridor.url}${route}`, {
      method,
      headers: { authorization: `Bearer ${key}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    this.told.push(text, JSON.stringify([...response.headers]));
    expect([method, route, response.status, text]).toEqual([method, route, status, text]);
    return members.parse(JSON.parse(text));
  }
}

/** A trace of its own for each request, which is to be kept. */
function sampled(): string {
  return `00-${randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-01`;
}
