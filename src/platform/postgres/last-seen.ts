import { z } from 'zod';
import type { Epoch } from '../../attribution/epoch.js';
import type { Witness } from '../../attribution/witness.js';
import { DatabaseUnavailable } from '../../store/database.js';
import { readTextFile, writePrivateFile } from '../private-file.js';

/** The newest that was seen of a database: the epoch of its facts, and an entry that it acknowledged. */
const sight = z.object({ incarnation: z.string(), number: z.int(), entry: z.string().nullable() });
export type Sight = z.infer<typeof sight>;

/** Its name in the data directory. */
export const lastSeenFile = 'last-seen.json';

/** What a database says of itself, and whether it holds the entry that was asked for; null when it holds no facts at all. */
const held = z.object({ incarnation: z.string(), number: z.number(), earlier: z.array(z.string()), hasEntry: z.boolean() });

const HELD = `
  select incarnation, number::float8 as number, earlier, $1::text is null or exists (select from entry where id = $1) as "hasEntry" from facts`;

/** The database holds less than was seen of it: what it lost may be a stop, or the record of a token that is out. */
export class DatabaseBehind extends DatabaseUnavailable {
  constructor() {
    super(
      'The database is older than what this Corridor has seen of it, or another one, so nothing is released. Put the right one back, or ' +
        'acknowledge the loss: corridor acknowledge-restore --reason "…"',
    );
    this.name = 'DatabaseBehind';
  }
}

/**
 * What this Corridor has seen of its database, kept in the data directory, which is not restored together with the database (DESIGN §7
 * "Restore and failover"). It is a lower bound: written after a second (two, when it has just started), by all replicas that share the directory.
 */
export class LastSeen implements Witness {
  #saved: string;

  private constructor(
    private readonly file: string,
    private seen: Sight | null,
  ) {
    this.#saved = JSON.stringify(seen);
  }

  /** A file that is broken was not written by us: nothing is known then. */
  static async open(file: string): Promise<LastSeen> {
    const parsed = sight.safeParse(asJson(await readTextFile(file)));
    return new LastSeen(file, parsed.data ?? null);
  }

  get sight(): Sight | null {
    return this.seen;
  }

  noteEpoch({ incarnation, number }: Epoch): void {
    const same = this.seen?.incarnation === incarnation ? this.seen : null;
    this.seen = { incarnation, number: Math.max(number, same?.number ?? 0), entry: same?.entry ?? null };
  }

  noteEntry(id: string): void {
    if (this.seen !== null) this.seen.entry = id;
  }

  async save(): Promise<void> {
    const text = JSON.stringify(this.seen);
    if (text === this.#saved) return;
    await writePrivateFile(this.file, `${text}\n`);
    this.#saved = text;
  }

  /**
   * Whether the database holds what was seen, or its operator has acknowledged that it does not. `ask` runs one statement and gives its rows.
   */
  async isHeldBy(ask: (sql: string, values: readonly unknown[]) => Promise<readonly unknown[]>): Promise<boolean> {
    const { seen } = this;
    if (seen === null) return true;
    const [row] = await ask(HELD, [seen.entry]);
    if (row === undefined) return false;
    const { incarnation, number, earlier, hasEntry } = held.parse(row);
    return (incarnation === seen.incarnation && number >= seen.number && hasEntry) || earlier.includes(seen.incarnation);
  }
}

function asJson(text: string | null): unknown {
  try {
    return JSON.parse(text ?? 'null');
  } catch {
    return null;
  }
}
