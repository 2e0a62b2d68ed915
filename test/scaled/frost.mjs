import { writeSync } from 'node:fs';

/**
 * Where a Corridor freezes in the middle of a release, by steps of the crash tier; each SIGUSR2 arms the next one. It has the shape of
 * that tier's Fate, and what is frozen can be woken (SIGCONT).
 */
export const moments = [
  ['cached release', 'before'],
  ['cached release', 'during'],
  ['cached release', 'after'],
  ['token request', 'before'],
  ['token request', 'after'],
  ['outcome', 'before'],
  ['outcome', 'during'],
  ['outcome', 'after'],
  ['reply', 'before'],
];

export class Frost {
  #next = 0;
  #armed = null;

  constructor() {
    process.on('SIGUSR2', () => {
      this.#armed = moments[this.#next++ % moments.length];
      writeSync(2, `armed ${this.#armed.join(', ')}\n`);
    });
  }

  async watch(names, task) {
    if (this.#is(names, 'before')) this.kill();
    const result = task();
    if (this.#is(names, 'during')) {
      await new Promise((resolve) => setTimeout(resolve, 1)); // on its way by now
      this.kill();
    }
    const value = await result;
    if (this.#is(names, 'after')) this.kill();
    return value;
  }

  watches(name) {
    return this.#armed?.[0] === name;
  }

  comes(moment) {
    return this.#armed?.[1] === moment;
  }

  kill() {
    writeSync(2, `frozen ${this.#armed.join(', ')}\n`);
    this.#armed = null;
    process.kill(process.pid, 'SIGSTOP');
  }

  #is(names, moment) {
    return this.#armed !== null && names.includes(this.#armed[0]) && this.comes(moment);
  }
}
