import { readlinkSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { BEGUN, finished, type FromThread, SYSTEM_ID, type ThreadData, type ToThread } from './messages.js';
import { PolicyModule } from './policy-module.js';

/** What runs in a thread of the pool: evaluates policies, one after the other, and stamps when each evaluation begins. */

const { stamp } = workerData as ThreadData; // from our own pool
const policies = new Map<string, PolicyModule>();
let last: Promise<void> = Promise.resolve();
Atomics.store(stamp, SYSTEM_ID, BigInt(systemId()));

parentPort?.on('message', (message: ToThread) => {
  last = last.then(() => work(message)).then((answer) => answer && parentPort?.postMessage(answer));
});

async function work(message: ToThread): Promise<FromThread | undefined> {
  switch (message.kind) {
    case 'load': {
      const policy = new PolicyModule(message.module, message.data);
      try {
        await policy.instantiate();
      } catch (error) {
        return { kind: 'unusable', why: describe(error) };
      }
      policies.set(message.revision, policy);
      return { kind: 'loaded' };
    }
    case 'forget':
      policies.delete(message.revision);
      return undefined;
    case 'evaluate':
      return await evaluate(message.revision, message.entrypoint, message.input);
  }
}

async function evaluate(revision: string, entrypoint: string, input: string): Promise<FromThread> {
  Atomics.store(stamp, BEGUN, process.hrtime.bigint());
  try {
    const results = await policies.get(revision)?.evaluate(entrypoint, input);
    return read(results);
  } catch {
    return { kind: 'threw' };
  } finally {
    Atomics.store(stamp, BEGUN, finished);
  }
}

/** Linux says it (proc(5)). */
function systemId(): string {
  try {
    return /\d+$/.exec(readlinkSync('/proc/thread-self'))?.[0] ?? '0';
  } catch {
    return '0';
  }
}

/** In characters of JSON: far more than any decision needs. */
const LONGEST_ANSWER = 65_536;

/** A result set (`[{ "result": … }]`); empty means undefined. */
function read(results: unknown): FromThread {
  if (!Array.isArray(results)) return { kind: 'threw' };
  if (results.length === 0) return { kind: 'undefined' };
  const only: unknown = results[0];
  if (results.length > 1 || typeof only !== 'object' || only === null || !('result' in only)) return { kind: 'unreadable' };
  const text = JSON.stringify(only.result);
  return text.length > LONGEST_ANSWER ? { kind: 'unreadable' } : { kind: 'value', text };
}

/** opa-wasm throws texts and plain objects too. */
function describe(error: unknown): string {
  if (error instanceof Error) return error.message;
  return typeof error === 'string' ? error : 'the module cannot be instantiated';
}
