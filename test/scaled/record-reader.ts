import { z } from 'zod';
import { recordedEntry, type RecordedEntry } from './record-check.js';
import type { ScaledWorld } from './scaled-world.js';

const page = z.object({ entries: z.array(recordedEntry), next: z.string().nullable() });

/** Reads the record bit by bit, as it grows, through any replica. */
export class RecordReader {
  #last: string | null = null;

  constructor(private readonly world: ScaledWorld) {}

  /** What came since the last time, in the order in which it came. */
  async more(): Promise<readonly RecordedEntry[]> {
    const found: RecordedEntry[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const { body } = await this.world.replica(0).api('GET', `/v1/entries?limit=1000&cursor=${cursor}`);
      const { entries, next } = page.parse(body);
      const known = entries.findIndex(({ id }) => id === this.#last);
      found.push(...(known < 0 ? entries : entries.slice(0, known)));
      cursor = known < 0 ? next : null;
    }
    this.#last = found[0]?.id ?? this.#last;
    return found.reverse();
  }
}
