import { z } from 'zod';
import { recordedEntry, type RecordedEntry } from './record-check.js';
import type { ScaledWorld } from './scaled-world.js';

const page = z.object({ entries: z.array(recordedEntry), next: z.string().nullable() });

/** Reads the record bit by bit, as it grows, through any replica. */
export class RecordReader {
  readonly #seen = new Set<string>();

  constructor(private readonly world: ScaledWorld) {}

  /**
   * What came since the last time, in its order but for what came late: of two that replicas appended at the same moment the earlier may be
   * there later. So pages are read whole, until one ends with what was seen.
   */
  async more(): Promise<readonly RecordedEntry[]> {
    const found: RecordedEntry[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const { body } = await this.world.replica(0).api('GET', `/v1/entries?limit=1000&cursor=${cursor}`);
      const { entries, next } = page.parse(body);
      for (const entry of entries.filter(({ id }) => !this.#seen.has(id))) found.push(entry);
      cursor = entries.length > 0 && this.#seen.has(entries.at(-1)?.id ?? '') ? null : next;
    }
    for (const { id } of found) this.#seen.add(id);
    return found.reverse();
  }
}
