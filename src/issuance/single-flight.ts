/** Runs one task per key at a time: whoever asks meanwhile gets the same result, and `first` tells who asked first. */
export class SingleFlight<T> {
  readonly #flights = new Map<string, Promise<T>>();

  async run(key: string, task: () => Promise<T>): Promise<{ readonly first: boolean; readonly result: T }> {
    const flying = this.#flights.get(key);
    if (flying !== undefined) return { first: false, result: await flying };
    const flight = task().finally(() => this.#flights.delete(key));
    this.#flights.set(key, flight);
    return { first: true, result: await flight };
  }
}
