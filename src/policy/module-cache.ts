/** What gating a policy made: a module that passed, and which of its entrypoints can read counters. */
export interface GatedModule {
  readonly module: Uint8Array;
  readonly readsCounters: Readonly<Record<string, boolean>>;
}

/**
 * Keeps modules of policies that passed their gates, so that a start need not compile.
 *
 * get MUST give what was put under this key, whole, or null; never anything damaged. put MUST be atomic, and may fail in
 * silence: a cache saves time, nothing else. What is in it is trusted like the compiler, so its place belongs to Corridor alone.
 */
export abstract class ModuleCache {
  abstract get(key: string): Promise<GatedModule | null>;
  abstract put(key: string, gated: GatedModule): Promise<void>;
}
