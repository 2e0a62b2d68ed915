// How many entries came into the record meanwhile, read as an auditor reads them.

export class Recorded {
  #last = new Map();

  constructor(corridor) {
    this.corridor = corridor;
  }

  /** Counts from now on. */
  static async from(corridor) {
    const recorded = new Recorded(corridor);
    for (const type of ['token.requested', 'token.issued', 'token.released']) {
      const { entries } = await corridor.api('GET', `/v1/entries?type=${type}&limit=1`);
      recorded.#last.set(type, entries[0]?.id ?? null);
    }
    return recorded;
  }

  /** @throws unless exactly so many entries of each type were recorded `of` these, or so many and a few more where `orMore` */
  async expect(counts, { orMore = false, of } = {}) {
    for (const [type, expected] of Object.entries(counts)) {
      const found = await this.count(type, of);
      if (found < expected || (found > expected && !orMore)) throw new Error(`${expected} answers, but ${found} entries ${type}`);
    }
  }

  /** How many of a type there are `of` these: all, unless it says otherwise. */
  async count(type, of = () => true) {
    let count = 0;
    for (let cursor = ''; ;) {
      const page = await this.corridor.api('GET', `/v1/entries?type=${type}&limit=1000${cursor}`);
      const known = page.entries.findIndex(({ id }) => id === this.#last.get(type));
      const since = known >= 0 ? page.entries.slice(0, known) : page.entries;
      count += since.filter(of).length;
      if (known >= 0) return count;
      if (page.next === null) return count;
      cursor = `&cursor=${encodeURIComponent(page.next)}`;
    }
  }
}
