import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { isUint8Array } from 'node:util/types';
import { z } from 'zod';
import { PolicyCompilerFailed } from '../../policy/policy-compiler.js';
import type { Artefact } from './artefact.js';

/** What the process is asked: the compiler itself, or a module that it made, and then its entrypoints. Texts are JSON. */
export type Job =
  | { readonly kind: 'request'; readonly request: string }
  | { readonly kind: 'module'; readonly module: Uint8Array; readonly data: string }
  | { readonly kind: 'entrypoint'; readonly entrypoint: string };

const answer = z.object({ kind: z.literal('answer'), text: z.string(), module: z.custom<Uint8Array>(isUint8Array).optional() });
const message = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('ready') }),
  answer,
  z.object({ kind: z.literal('broken'), message: z.string() }),
  z.object({ kind: z.literal('crash'), message: z.string() }),
]);
type Message = z.infer<typeof message>;
export type Answer = z.infer<typeof answer>;

/**
 * One child process with a compiler in it, for one job at a time. After any failure it has been killed and is of no more use.
 * It gets no environment, and holds this process alive only while a job runs.
 */
export class CompilerProcess {
  readonly #child: ChildProcess;
  #dead = false;

  constructor(folder: string) {
    this.#child = fork(join(folder, 'host', 'child.mjs'), {
      // V8's optimising compiler would take 2 s longer for the 41 MB than it ever wins back. A flag is for a whole process.
      execArgv: ['--liftoff-only'],
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      env: {},
    });
    this.#child.on('exit', () => (this.#dead = true));
    this.#child.on('error', () => this.kill()); // whoever waits learns it from a listener of its own
    this.#hold(false);
  }

  /** Loads the compiler: before any job. */
  async load(artefact: Artefact, memoryMiB: number, milliseconds: number): Promise<void> {
    const { kind } = await this.#exchange({ artefact, memoryMiB }, milliseconds);
    if (kind !== 'ready') this.#outOfTurn();
  }

  async ask(job: Job, milliseconds: number): Promise<Answer> {
    const given = await this.#exchange(job, milliseconds);
    return given.kind === 'answer' ? given : this.#outOfTurn();
  }

  get dead(): boolean {
    return this.#dead;
  }

  kill(): void {
    this.#dead = true;
    this.#child.kill('SIGKILL');
  }

  /** Kills it and waits until it is gone. */
  async end(): Promise<void> {
    this.kill();
    if (this.#child.pid === undefined || this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#hold(true);
    await once(this.#child, 'exit');
  }

  #outOfTurn(): never {
    this.kill();
    throw new PolicyCompilerFailed('crash', 'the policy compiler answered out of turn');
  }

  async #exchange(sent: object, milliseconds: number): Promise<Message> {
    this.#hold(true);
    try {
      const given = await this.#answerTo(sent, milliseconds);
      if (given.kind === 'broken') throw new PolicyCompilerFailed('broken_artefact', `the policy compiler is damaged: ${given.message}`);
      if (given.kind === 'crash') throw new PolicyCompilerFailed('crash', `the policy compiler crashed: ${given.message}`);
      return given;
    } catch (error) {
      this.kill();
      throw error;
    } finally {
      this.#hold(false);
    }
  }

  #answerTo(sent: object, milliseconds: number): Promise<Message> {
    const child = this.#child;
    return new Promise<Message>((resolve, reject) => {
      const failed = (code: 'timeout' | 'crash', why: string, cause?: unknown) =>
        settle(() => reject(new PolicyCompilerFailed(code, `the policy compiler ${why}`, { cause })));
      const answered = (received: unknown) => {
        const parsed = message.safeParse(received);
        if (parsed.success) settle(() => resolve(parsed.data));
        else failed('crash', 'sent something that is no answer', parsed.error);
      };
      const exited = (status: number | null, signal: string | null) => failed('crash', `ended (${signal ?? `exit ${status}`})`);
      const broke = (cause: Error) => failed('crash', `cannot be reached: ${cause.message}`, cause);
      const timer = setTimeout(() => failed('timeout', `took longer than ${milliseconds} ms`), milliseconds);
      const settle = (how: () => void) => {
        clearTimeout(timer);
        child.off('message', answered).off('exit', exited).off('error', broke);
        how();
      };
      child.on('message', answered).on('exit', exited).on('error', broke);
      child.send(sent, (error) => {
        if (error) broke(error);
      });
    });
  }

  #hold(held: boolean): void {
    if (held) {
      this.#child.ref();
      this.#child.channel?.ref();
    } else {
      this.#child.unref();
      this.#child.channel?.unref();
    }
  }
}
