import { connectionTo, serving } from './checked-connection.js';
import { EndingClient } from './ending-client.js';

const CHANNEL = 'corridor_facts';
const AGAIN_AFTER_MS = 1_000;

/**
 * Listens for changes of facts by other replicas, on a connection of its own. Notices only make replicas look sooner: what was missed
 * while there was no connection is found by the next append. A new connection counts as a notice.
 */
export class FactsNotices {
  #client: EndingClient | null = null;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(
    private readonly url: string,
    private readonly noticed: () => void,
  ) {}

  async start(): Promise<void> {
    if (this.#closed) return;
    const client = new EndingClient(connectionTo(this.url, serving));
    this.#client = client;
    client.on('error', () => undefined); // 'end' follows
    client.on('end', () => this.#again(client));
    client.on('notification', () => this.noticed());
    try {
      await client.connect();
      await client.query(`listen ${CHANNEL}`);
      this.noticed();
    } catch {
      await client.end().catch(() => undefined);
      this.#again(client);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#client?.end().catch(() => undefined);
  }

  /** At most one attempt is under way or waits. */
  #again(lost: EndingClient): void {
    if (this.#closed || this.#client !== lost) return;
    this.#client = null;
    this.#timer = setTimeout(() => void this.start(), AGAIN_AFTER_MS).unref();
  }
}
