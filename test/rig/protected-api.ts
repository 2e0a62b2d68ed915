import path from 'node:path';
import { z } from 'zod';
import { startNode } from './node-process.js';

export interface RunningApi {
  readonly url: string;
  stop(): Promise<void>;
}

const script = path.resolve(import.meta.dirname, '../../examples/demo/api.mjs');

/** The demo's API: it validates JWT access tokens (issuer, audience, scope, expiry) and challenges by RFC 6750. */
export async function startProtectedApi(trust: { issuer: string; audience: string; scope: string }): Promise<RunningApi> {
  const { said, stop } = await startNode(script, {
    arguments: ['--issuer', trust.issuer, '--audience', trust.audience, '--scope', trust.scope],
  });
  return { url: z.object({ url: z.string() }).parse(said).url, stop };
}
