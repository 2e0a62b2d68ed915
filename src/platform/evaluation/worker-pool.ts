import { within } from '../../oauth/within.js';
import { type CompiledPolicy, type EvaluationResult, PolicyEvaluator, PolicyUnusable } from '../../policy/evaluator.js';
import { workerFile } from '../worker-file.js';
import { isWithinLimits } from './input-limits.js';
import { Thread, type ThreadAnswer } from './thread.js';

/** Times in milliseconds. */
export interface PoolLimits {
  /** How many evaluations run at the same time. One thread more is ready to take the place of one that must be terminated. */
  readonly threads: number;
  /** For one evaluation, from its start; while the machine has no processor for its thread, the time stands still, where that can be known. */
  readonly deadline: number;
  /** How long an evaluation may wait for its start, and how long for a processor, while this process is awake; and how many may wait. */
  readonly patience: number;
  readonly waiting: number;
  /** How many revisions stay loaded. */
  readonly revisions: number;
  /** For starting a thread and loading a module into it. */
  readonly loading: number;
}

export const defaultLimits: PoolLimits = { threads: 2, deadline: 50, patience: 1000, waiting: 1000, revisions: 4, loading: 10_000 };

/** How often running evaluations are held against the deadline; a thread that died young is not replaced at once. */
const WATCH = 5;
const PAUSE = 1000;
/** Of a longer pause between two looks no more counts: the process stood still, or its main thread had other things to do. */
const LONGEST = 250;

interface Loaded {
  readonly module: WebAssembly.Module;
  readonly data: string;
  readonly readsCounters: CompiledPolicy['readsCounters'];
}

interface Job {
  readonly revision: string;
  readonly entrypoint: string;
  readonly input: string;
  /** Since when it waits, and since when it was seen to run: in milliseconds for which the pool was awake. */
  readonly since: number;
  begun: number | null;
  readonly settle: (result: EvaluationResult) => void;
}

/**
 * Evaluates in worker threads, since nothing but the end of its thread stops WebAssembly. A thread has one evaluation at a
 * time, so what waits behind a slow one waits in the queue here, and goes to whichever thread is free next.
 */
export class WorkerPool extends PolicyEvaluator {
  readonly #limits: PoolLimits;
  /** By the time of their last use. */
  readonly #policies = new Map<string, Loaded>();
  readonly #threads = new Set<Thread>();
  readonly #running = new Map<Thread, Job>();
  readonly #queue: Job[] = [];
  #watch: NodeJS.Timeout | null = null;
  /** Milliseconds that this process was awake while something was watched, up to the last look. */
  #watched = 0;
  #lastLook = 0;
  #closed = false;
  #restarts = 0;

  constructor(limits: Partial<PoolLimits> = {}) {
    super();
    this.#limits = { ...defaultLimits, ...limits };
  }

  async load(revision: string, policy: CompiledPolicy): Promise<void> {
    if (this.#touch(revision) !== null) return;
    const module = await compileModule(policy.module);
    const loaded = { module, data: JSON.stringify(policy.data), readsCounters: policy.readsCounters };
    const thread = await this.#tryOut(revision, loaded);

    this.#policies.set(revision, loaded);
    for (const [oldest] of this.#policies) {
      if (this.#policies.size <= this.#limits.revisions) break;
      this.#policies.delete(oldest);
      for (const other of this.#threads) other.forget(oldest);
    }
    await Promise.all([...this.#threads].map((other) => other.load(revision, loaded.module, loaded.data)));
    await this.#join(thread, revision);
    this.#fill();
  }

  evaluate(revision: string, entrypoint: string, inputJson: string): Promise<EvaluationResult> {
    const policy = this.#touch(revision);
    if (policy === null) return Promise.resolve({ kind: 'not_loaded' });
    if (!Object.hasOwn(policy.readsCounters, entrypoint)) return Promise.resolve({ kind: 'undefined' });
    if (!isWithinLimits(inputJson)) return Promise.resolve({ kind: 'input_refused' });
    if (this.#queue.length >= this.#limits.waiting) return Promise.resolve({ kind: 'overloaded' });
    return new Promise((settle) => {
      this.#queue.push({ revision, entrypoint, input: inputJson, since: this.#awake(), begun: null, settle });
      this.#dispatch();
      this.#keepWatch();
    });
  }

  /** Threads so far that did not end because they were closed. */
  get restarts(): number {
    return this.#restarts;
  }

  readsCounters(revision: string, entrypoint: string): boolean {
    return this.#policies.get(revision)?.readsCounters[entrypoint] ?? true;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#policies.clear();
    for (const job of [...this.#running.values(), ...this.#queue.splice(0)]) job.settle({ kind: 'not_loaded' });
    this.#running.clear();
    await Promise.all([...this.#threads].map((thread) => thread.terminate()));
  }

  /** The policy, which was used just now. */
  #touch(revision: string): Loaded | null {
    const policy = this.#policies.get(revision);
    if (policy === undefined) return null;
    this.#policies.delete(revision);
    this.#policies.set(revision, policy);
    return policy;
  }

  /** In a thread of its own: a module that cannot be loaded must not touch those that serve. */
  async #tryOut(revision: string, { module, data }: Loaded): Promise<Thread> {
    const thread = new Thread(workerFile(import.meta.url, './evaluation-thread.js'), (ended) => this.#ended(ended));
    // the timer keeps the process alive meanwhile, which the thread does not
    const answer = await within(this.#limits.loading, thread.load(revision, module, data));
    if (answer?.kind === 'loaded' && !this.#closed) return thread;
    await thread.terminate();
    throw new PolicyUnusable(answer?.kind === 'unusable' ? answer.why : 'the module could not be loaded in time');
  }

  /** The thread that has tried a policy out serves from now on, if one is missing. */
  async #join(thread: Thread, tried: string): Promise<void> {
    if (this.#closed || thread.ended || this.#threads.size > this.#limits.threads) return await thread.terminate();
    this.#threads.add(thread);
    const others = [...this.#policies].filter(([revision]) => revision !== tried);
    await Promise.all(others.map(([revision, { module, data }]) => thread.load(revision, module, data)));
    this.#dispatch();
  }

  #fill(): void {
    while (!this.#closed && this.#policies.size > 0 && this.#threads.size <= this.#limits.threads) {
      const thread = new Thread(workerFile(import.meta.url, './evaluation-thread.js'), (ended) => this.#ended(ended));
      this.#threads.add(thread);
      const loading = [...this.#policies].map(([revision, { module, data }]) => thread.load(revision, module, data));
      void Promise.all(loading).then(() => this.#dispatch());
    }
  }

  /** A thread that ended though nobody asked it to. */
  #ended(thread: Thread): void {
    if (!this.#threads.delete(thread)) return;
    if (!this.#closed) this.#restarts++;
    setTimeout(() => this.#fill(), PAUSE).unref();
  }

  #dispatch(): void {
    while (this.#queue.length > 0 && this.#running.size < this.#limits.threads) {
      const thread = this.#idleThread();
      const job = thread && this.#queue.shift();
      if (thread === undefined || job === undefined) return;
      if (!this.#policies.has(job.revision)) {
        job.settle({ kind: 'not_loaded' }); // it was forgotten while this waited
        continue;
      }
      this.#running.set(thread, job);
      thread.evaluate(job.revision, job.entrypoint, job.input, (answer) => this.#answered(thread, job, answer));
    }
  }

  #idleThread(): Thread | undefined {
    for (const thread of this.#threads) if (thread.ready && !this.#running.has(thread)) return thread;
    return undefined;
  }

  #answered(thread: Thread, job: Job, answer: ThreadAnswer): void {
    if (this.#running.get(thread) !== job) return; // it was given up
    this.#running.delete(thread);
    job.settle(resultOf(answer));
    this.#dispatch();
  }

  /** Its thread is terminated, and the one in reserve takes over. */
  #giveUp(thread: Thread, job: Job, kind: 'timeout' | 'overloaded'): void {
    this.#running.delete(thread);
    this.#threads.delete(thread);
    this.#restarts++;
    void thread.terminate();
    job.settle({ kind });
    this.#fill();
  }

  #keepWatch(): void {
    if (this.#watch !== null) return;
    this.#lastLook = performance.now();
    this.#watch = setTimeout(() => {
      this.#watched = this.#awake();
      this.#watch = null;
      for (const [thread, job] of this.#running) {
        if ((thread.workingFor ?? 0) > this.#limits.deadline) this.#giveUp(thread, job, 'timeout');
        else if (this.#isStarved(thread, job)) this.#giveUp(thread, job, 'overloaded');
      }
      while (this.#queue[0] !== undefined && this.#isOutOfPatience(this.#queue[0])) this.#queue.shift()?.settle({ kind: 'overloaded' });
      this.#dispatch();
      if (this.#running.size + this.#queue.length > 0) this.#keepWatch();
    }, WATCH);
  }

  #isStarved(thread: Thread, job: Job): boolean {
    if (!thread.hasBegun) return this.#isOutOfPatience(job);
    if (thread.runningFor === null) return false;
    job.begun ??= this.#watched;
    return this.#watched - job.begun > this.#limits.deadline + this.#limits.patience;
  }

  #isOutOfPatience(job: Job): boolean {
    return this.#watched - job.since > this.#limits.patience;
  }

  /** Milliseconds that this process was awake while something was watched, which stand still between. */
  #awake(): number {
    return this.#watched + (this.#watch === null ? 0 : Math.min(performance.now() - this.#lastLook, LONGEST));
  }
}

async function compileModule(bytes: Uint8Array): Promise<WebAssembly.Module> {
  try {
    return await WebAssembly.compile(new Uint8Array(bytes));
  } catch (cause) {
    throw new PolicyUnusable('this is no WebAssembly module', { cause });
  }
}

function resultOf(answer: ThreadAnswer): EvaluationResult {
  switch (answer?.kind) {
    case 'value': {
      const value: unknown = JSON.parse(answer.text);
      return { kind: 'value', value };
    }
    case 'undefined':
    case 'unreadable':
      return { kind: answer.kind };
    default:
      return { kind: 'threw' };
  }
}
