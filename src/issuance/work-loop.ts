/** Something to be done again and again: gives whether there is more to do at once. */
export type Chore = () => Promise<boolean>;

/**
 * Does a chore every so often, and at once when nudged; never twice at the same time. A chore that fails is noted and tried
 * again with the next turn: what must happen stands in the database.
 */
export class WorkLoop {
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | null = null;
  #nudged = false;
  #stopped = false;

  constructor(
    private readonly chore: Chore,
    private readonly every: number,
    private readonly onFailure: (error: unknown) => void,
  ) {}

  start(): void {
    this.#timer = setTimeout(() => this.nudge(), this.every).unref();
  }

  nudge(): void {
    if (this.#stopped) return;
    this.#nudged = true;
    this.#running ??= this.#turns().finally(() => {
      this.#running = null;
      if (!this.#stopped) this.start();
    });
  }

  /** Lets the turn that is under way end, and begins no other. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#running;
  }

  async #turns(): Promise<void> {
    clearTimeout(this.#timer);
    while (this.#nudged && !this.#stopped) {
      this.#nudged = false;
      try {
        if (await this.chore()) this.#nudged = true;
      } catch (error) {
        this.onFailure(error);
      }
    }
  }
}
