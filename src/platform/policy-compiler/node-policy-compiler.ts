import type { z } from 'zod';
import {
  type CheckResult,
  type CompileResult,
  type CompileTestsResult,
  type CompilerVersion,
  counterPaths,
  type EvaluateResult,
  type Evaluation,
  type FormatResult,
  type ModuleAnswer,
  PolicyCompiler,
  PolicyCompilerFailed,
  type PolicySource,
  type TestResult,
} from '../../policy/policy-compiler.js';
import { answerEntrypoints } from './answer-entrypoints.js';
import * as answers from './answers.js';
import { policyCompilerFolder, readManifest } from './artefact.js';
import { CompilerProcess } from './compiler-process.js';
import { JobQueue } from './job-queue.js';

export interface PolicyCompilerLimits {
  /** For the compiler, and for each instance of a module that `evaluateModule` makes. */
  readonly memoryMiB: number;
  readonly startMilliseconds: number;
  /** For one job, once the process has started. */
  readonly jobMilliseconds: number;
  /** For one test, or one evaluation, in the interpreter. */
  readonly testMilliseconds: number;
  /** Of one request as JSON, which is how it is sent, plus the module that goes with it. */
  readonly requestBytes: number;
  /** Jobs that may wait behind the one that runs. */
  readonly waitingJobs: number;
}

export const defaultLimits: PolicyCompilerLimits = {
  memoryMiB: 256,
  startMilliseconds: 30_000,
  jobMilliseconds: 10_000,
  testMilliseconds: 2_000,
  requestBytes: 8 * 1024 * 1024,
  waitingJobs: 32,
};

/** The compiler of `policy-compiler/` in a child process, started by the first job and kept for the next ones. */
export class NodePolicyCompiler extends PolicyCompiler {
  readonly #folder: string;
  readonly #limits: PolicyCompilerLimits;
  readonly #queue: JobQueue;
  #process: CompilerProcess | undefined;
  #closed = false;

  constructor({ folder, limits }: { folder?: string; limits?: Partial<PolicyCompilerLimits> } = {}) {
    super();
    this.#folder = folder ?? policyCompilerFolder();
    this.#limits = { ...defaultLimits, ...limits };
    this.#queue = new JobQueue(this.#limits.waitingJobs);
  }

  async version(): Promise<CompilerVersion> {
    const { read } = await this.#ask({ op: 'version' }, answers.versionAnswer);
    if (!read.ok) throw new PolicyCompilerFailed('crash', 'the policy compiler does not know its version');
    return read.result;
  }

  async check(source: PolicySource): Promise<CheckResult> {
    const { read } = await this.#ask({ op: 'check', ...policy(source) }, answers.checkAnswer);
    return read.ok ? { ok: true, diagnostics: [] } : read;
  }

  async format(files: PolicySource['files']): Promise<FormatResult> {
    const { read } = await this.#ask({ op: 'format', files }, answers.formatAnswer);
    return read.ok ? { ok: true, files: read.result.files } : read;
  }

  async test(source: PolicySource): Promise<TestResult> {
    const request = { op: 'test', ...policy(source), milliseconds: this.#limits.testMilliseconds };
    const { read } = await this.#ask(request, answers.testAnswer);
    if (!read.ok) return read;
    const { tests, coverage } = read.result;
    const passed =
      tests.some((test) => test.verdict === 'pass') && tests.every((test) => test.verdict === 'pass' || test.verdict === 'skip');
    return { ok: true, passed, tests, coverage };
  }

  async compile(source: PolicySource, entrypoints: readonly string[]): Promise<CompileResult> {
    const request = { op: 'compile', ...policy(source), entrypoints, watched: counterPaths };
    const { read, module } = await this.#ask(request, answers.compileAnswer);
    if (!read.ok) return read;
    if (module === undefined) throw new PolicyCompilerFailed('crash', 'the policy compiler made no module');
    return { ok: true, module, readsCounters: read.result.reaches };
  }

  async compileTests(source: PolicySource): Promise<CompileTestsResult> {
    const { read, module } = await this.#ask({ op: 'compile_tests', ...policy(source) }, answers.compileTestsAnswer);
    return read.ok ? { ok: true, module: module ?? null, tests: read.result.tests } : read;
  }

  async evaluate(source: PolicySource, { entrypoint, input, explain = false }: Evaluation): Promise<EvaluateResult> {
    const request = { op: 'evaluate', ...policy(source), entrypoint, input, explain, milliseconds: this.#limits.testMilliseconds };
    const { read } = await this.#ask(request, answers.evaluateAnswer);
    return read.ok ? { ok: true, ...read.result, value: read.result.value } : read;
  }

  async evaluateModule(
    module: Uint8Array,
    data: PolicySource['data'],
    entrypoints: readonly string[],
  ): Promise<Readonly<Record<string, ModuleAnswer>>> {
    const job = { kind: 'module', module, data: JSON.stringify(data) } as const;
    this.#refuseTooLarge(module.length + Buffer.byteLength(job.data));
    const { testMilliseconds: each, jobMilliseconds: all } = this.#limits;
    return await this.#inTurn(async (running) => {
      await running.ask(job, all);
      return await answerEntrypoints(running, entrypoints, { each, all });
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#process?.end();
    await this.#queue.idle();
  }

  async #ask<T>(request: object, shape: z.ZodType<T>): Promise<{ read: T; module: Uint8Array | undefined }> {
    const job = { kind: 'request', request: JSON.stringify(request) } as const;
    this.#refuseTooLarge(Buffer.byteLength(job.request));
    const answer = await this.#inTurn((running) => running.ask(job, this.#limits.jobMilliseconds));
    return { read: answers.parsed(answer.text, shape), module: answer.module };
  }

  #refuseTooLarge(bytes: number): void {
    const limit = this.#limits.requestBytes;
    if (bytes <= limit) return;
    throw new PolicyCompilerFailed('too_large', `the policy is too large: ${bytes} bytes as JSON, and ${limit} are allowed`);
  }

  async #inTurn<T>(job: (running: CompilerProcess) => Promise<T>): Promise<T> {
    return await this.#queue.run(async () => {
      try {
        this.#refuseWhenClosed();
        const done = await job(await this.#started());
        this.#refuseWhenClosed();
        return done;
      } catch (error) {
        this.#refuseWhenClosed(error);
        throw error;
      }
    });
  }

  async #started(): Promise<CompilerProcess> {
    if (this.#process === undefined || this.#process.dead) {
      const artefact = await readManifest(this.#folder);
      this.#refuseWhenClosed();
      this.#process = new CompilerProcess(this.#folder);
      await this.#process.load(artefact, this.#limits.memoryMiB, this.#limits.startMilliseconds);
    }
    return this.#process;
  }

  #refuseWhenClosed(cause?: unknown): void {
    if (this.#closed) throw new PolicyCompilerFailed('closed', 'the policy compiler is closed', { cause });
  }
}

/** The members that the compiler knows, and no others that an object may have besides. */
function policy({ files, data, schemas }: PolicySource): PolicySource {
  return { files, data, schemas };
}
