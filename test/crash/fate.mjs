import { writeSync } from 'node:fs';
import { steps } from './steps.mjs';

/** Kills this process, as nothing else could, when one step comes for the nth time after it was armed. */
export class Fate {
  #step;
  #watched;
  #moment;
  #left;
  #milliseconds;
  #armed = false;

  /** `milliseconds`: how long after its beginning a process dies that is to die during something. */
  constructor(step, occurrence, milliseconds) {
    if (!(step in steps)) throw new Error(`there is no step "${step}"`);
    [this.#watched, this.#moment] = steps[step];
    this.#step = step;
    this.#left = occurrence;
    this.#milliseconds = milliseconds;
  }

  arm() {
    this.#armed = true;
  }

  /** Does what is watched, under all the names that it has. */
  async watch(names, task) {
    if (!names.includes(this.#watched)) return task();
    if (this.comes('before')) this.kill();
    const result = task();
    if (this.comes('during')) this.killLater();
    const value = await result;
    if (this.comes('after')) this.kill();
    return value;
  }

  watches(name) {
    return name === this.#watched;
  }

  /** Whether this is the moment, and the time that counts. */
  comes(moment) {
    return this.#armed && moment === this.#moment && --this.#left === 0;
  }

  kill() {
    writeSync(2, `killed ${this.#step}\n`);
    process.kill(process.pid, 'SIGKILL');
  }

  /** In turns of the event loop, since timers know whole milliseconds only, and everything else shall go on meanwhile. */
  killLater() {
    const until = performance.now() + this.#milliseconds;
    const turn = () => (performance.now() >= until ? this.kill() : setImmediate(turn));
    turn();
  }
}
