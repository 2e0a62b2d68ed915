import opa from '@open-policy-agent/opa-wasm';

/**
 * A compiled policy with its data. It answers an entrypoint without input, each time in an instance of its own: after a trap an
 * instance is not to be trusted.
 */
export class PolicyModule {
  #module;
  #data;
  #memoryPages;

  constructor(bytes, data, memoryPages) {
    this.#module = new WebAssembly.Module(bytes);
    this.#data = data;
    this.#memoryPages = memoryPages;
  }

  answer(entrypoint) {
    try {
      const policy = opa.loadPolicySync(this.#module, { initial: 32, maximum: this.#memoryPages });
      policy.setData(this.#data);
      const results = policy.evaluate(undefined, entrypoint);
      return results.length === 0 ? { kind: 'undefined' } : { kind: 'value', value: results[0].result };
    } catch (thrown) {
      const message = thrown?.message ?? thrown; // opa-wasm also throws texts and plain objects
      return { kind: 'error', message: String(message).slice(0, 500) };
    }
  }
}
