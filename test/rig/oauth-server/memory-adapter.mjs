/** Storage for oidc-provider that forgets nothing: its own keeps the latest 1,000 rows, too few for a test of volume. */
export class MemoryAdapter {
  static #rows = new Map();

  constructor(model) {
    this.model = model;
  }

  #key(id) {
    return `${this.model}:${id}`;
  }

  async upsert(id, payload) {
    MemoryAdapter.#rows.set(this.#key(id), payload);
  }

  async find(id) {
    return MemoryAdapter.#rows.get(this.#key(id));
  }

  async destroy(id) {
    MemoryAdapter.#rows.delete(this.#key(id));
  }

  async consume(id) {
    const row = await this.find(id);
    if (row !== undefined) row.consumed = Math.floor(Date.now() / 1000);
  }
}
