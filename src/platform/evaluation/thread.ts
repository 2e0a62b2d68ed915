import { readFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { BEGUN, finished, type FromThread, notStarted, type Stamp, SYSTEM_ID, type ThreadData, type ToThread } from './messages.js';

/** Milliseconds after which it is asked how much of an evaluation's time is its own: few take so long. */
const SLOW = 10;

/** Null: the thread ended without an answer. */
export type ThreadAnswer = FromThread | null;

/**
 * A thread that evaluates policies, as the pool sees it. It does not keep the process alive, inherits neither environment nor
 * flags, and answers in the order in which it was asked.
 */
export class Thread {
  readonly #worker: Worker;
  readonly #stamp: Stamp = new BigInt64Array(new SharedArrayBuffer(16));
  readonly #waiting: ((answer: ThreadAnswer) => void)[] = [];
  /** The processor time that the thread had used when its evaluation was first found to be slow. */
  #lookedAt: number | null = null;
  #loading = 0;
  #ended = false;

  constructor(file: string, onEnd: (thread: Thread) => void) {
    const workerData: ThreadData = { stamp: this.#stamp };
    this.#worker = new Worker(file, {
      name: 'policy',
      workerData,
      env: {},
      argv: [],
      execArgv: [],
      stdout: true, // what it prints reaches nobody; reading it would hold the process
      stderr: true,
      resourceLimits: { maxOldGenerationSizeMb: 64, stackSizeMb: 4 },
    });
    this.#worker.on('message', (answer: FromThread) => this.#waiting.shift()?.(answer));
    this.#worker.on('error', () => undefined); // 'exit' follows
    this.#worker.on('exit', () => {
      this.#end();
      onEnd(this);
    });
    this.#worker.unref(); // last: a listener for messages would hold the process again
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Whether it would begin with an evaluation at once. */
  get ready(): boolean {
    return this.#loading === 0 && !this.#ended;
  }

  load(revision: string, module: WebAssembly.Module, data: string): Promise<ThreadAnswer> {
    this.#loading++;
    return new Promise((resolve) => {
      this.#ask({ kind: 'load', revision, module, data }, (answer) => {
        this.#loading--;
        resolve(answer);
      });
    });
  }

  forget(revision: string): void {
    this.#send({ kind: 'forget', revision });
  }

  evaluate(revision: string, entrypoint: string, input: string, answered: (answer: ThreadAnswer) => void): void {
    Atomics.store(this.#stamp, BEGUN, notStarted);
    this.#lookedAt = null;
    this.#ask({ kind: 'evaluate', revision, entrypoint, input }, answered);
  }

  /**
   * For how many milliseconds the evaluation that was asked for last has been running; null when it has not begun, and when it
   * has ended, though its answer may still be on the way to a busy main thread.
   */
  get runningFor(): number | null {
    const stamp = Atomics.load(this.#stamp, BEGUN);
    return stamp === notStarted || stamp === finished ? null : Number(process.hrtime.bigint() - stamp) / 1e6;
  }

  /**
   * The same without the time for which a busy machine had no processor for the thread, where the system says how long that was:
   * no policy is to blame for it.
   */
  get workingFor(): number | null {
    const running = this.runningFor;
    if (running === null || running < SLOW) return running;
    const used = this.#processorTime();
    if (used === null) return running;
    this.#lookedAt ??= used;
    return SLOW + used - this.#lookedAt;
  }

  get hasBegun(): boolean {
    return Atomics.load(this.#stamp, BEGUN) !== notStarted;
  }

  async terminate(): Promise<void> {
    this.#end();
    await this.#worker.terminate();
  }

  /** Milliseconds, of Linux (proc_pid_schedstat(5)); null where the kernel does not count, and says 0. */
  #processorTime(): number | null {
    const id = Atomics.load(this.#stamp, SYSTEM_ID);
    if (id === 0n) return null;
    try {
      const nanoseconds = Number.parseInt(readFileSync(`/proc/self/task/${id}/schedstat`, 'latin1'), 10);
      return nanoseconds > 0 ? nanoseconds / 1e6 : null;
    } catch {
      return null;
    }
  }

  #ask(message: ToThread, answered: (answer: ThreadAnswer) => void): void {
    if (this.#ended) return answered(null);
    this.#waiting.push(answered);
    this.#send(message);
  }

  #send(message: ToThread): void {
    this.#worker.postMessage(message);
  }

  #end(): void {
    this.#ended = true;
    for (const answered of this.#waiting.splice(0)) answered(null);
  }
}
