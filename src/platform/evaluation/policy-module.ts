import { loadPolicy, type LoadedPolicy } from '@open-policy-agent/opa-wasm';

/**
 * Pages of 64 KiB. The maximum is the only limit on what an evaluation may use; the beginning spares ordinary ones the growth
 * in small steps, each of which copies everything.
 */
const memory = { initial: 32, maximum: 1024 };

/**
 * A compiled policy with its data. An instance serves until it throws: an abort leaks its stack, and what the module left
 * behind is not to be trusted. Then a new one is made.
 */
export class PolicyModule {
  readonly #encoder = new TextEncoder();
  #instance: LoadedPolicy | null = null;

  /** `data` is JSON. */
  constructor(
    private readonly module: WebAssembly.Module,
    private readonly data: string,
  ) {}

  async instantiate(): Promise<LoadedPolicy> {
    if (this.#instance !== null) return this.#instance;
    const instance = await loadPolicy(this.module, memory);
    instance.setData(this.#bytes(this.data));
    this.#instance = instance;
    return instance;
  }

  /** The result set. `input` is the JSON of an object: opa-wasm takes a falsy input for none. */
  async evaluate(entrypoint: string, input: string): Promise<unknown> {
    const instance = await this.instantiate();
    try {
      return instance.evaluate(this.#bytes(input), entrypoint);
    } catch (error) {
      this.#instance = null;
      throw error;
    }
  }

  /** An ArrayBuffer of just the text, which opa-wasm takes as JSON without parsing it once more. */
  #bytes(text: string): ArrayBuffer {
    return this.#encoder.encode(text).slice().buffer;
  }
}
