import type { Run } from './run.js';
import type { RunStore } from './run-store.js';

const REMEMBERED = 20_000;

/**
 * Runs by id, remembered. What is remembered may be old: append compares the run's row, and `reload` reads it anew
 * after a verdict that says so. Unknown ids are not remembered.
 */
export class RunDirectory {
  readonly #runs = new Map<string, Run>();

  constructor(private readonly store: RunStore) {}

  async get(id: string): Promise<Run | null> {
    return this.#runs.get(id) ?? this.reload(id);
  }

  /** The run that a runtime's platform knows by this id of its own; always read, since another replica may have opened it. */
  async ofPlatform(runtime: string, runId: string): Promise<Run | null> {
    const run = await this.store.findByPlatform(runtime, runId);
    if (run !== null) this.remember(run);
    return run;
  }

  async reload(id: string): Promise<Run | null> {
    this.#runs.delete(id);
    const run = await this.store.find(id);
    if (run !== null) this.remember(run);
    return run;
  }

  remember(run: Run): void {
    this.#runs.set(run.id, run);
    if (this.#runs.size > REMEMBERED) this.#runs.delete(this.#runs.keys().next().value ?? run.id);
  }

  forget(id: string): void {
    this.#runs.delete(id);
  }

  /** The run and its ancestors, the nearest first; null when one of them is unknown. */
  async lineage(run: Run): Promise<readonly Run[] | null> {
    const lineage = [run];
    for (const id of run.ancestors) {
      const ancestor = await this.get(id);
      if (ancestor === null) return null;
      lineage.push(ancestor);
    }
    return lineage;
  }
}
