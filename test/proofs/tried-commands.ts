import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { cli } from '../rig/command-line.js';

const BLOCK = /(?:<!-- (tried|not run): ([^\n]+) -->\n+)?```sh\n([^]*?)```/g;
const MENTION = /`(corridor [a-z][^`\n]*)`/g;

interface Block {
  /** null: the page says neither that it is tried nor why it is not. */
  readonly mark: 'tried' | 'not run' | null;
  /** Its name, or why it is not run. */
  readonly word: string;
  readonly commands: string;
}

/** Commands that go on until they are told to end. */
export interface GoingOn {
  /** Of all the processes that they are. */
  readonly group: string;
  output(): string;
  signal(signal: NodeJS.Signals): void;
  /** Resolves when they have ended. */
  readonly ended: Promise<unknown>;
}

/** What `corridor` is to who types the commands: an alias, which no program that they start knows. */
const ALIAS = `alias corridor="'${process.execPath}' '${cli}'"\n`;

/** The commands of a page, run as they stand there. `corridor` in them is the one that is built. */
export class TriedCommands {
  readonly #all: readonly Block[];
  readonly #blocks: ReadonlyMap<string, string>;
  readonly #left: Set<string>;
  readonly #text: string;

  /** `home` is theirs; `tools` are directories with further programs; `cwd` is where they are typed. */
  constructor(
    page: string,
    private readonly home: string,
    private readonly tools: readonly string[],
    private readonly cwd: string = home,
  ) {
    this.#text = readFileSync(path.resolve(import.meta.dirname, '../../docs', page), 'utf8');
    this.#all = [...this.#text.matchAll(BLOCK)].map(([, mark, word = '', commands = '']) => ({
      mark: mark === 'tried' || mark === 'not run' ? mark : null,
      word,
      commands,
    }));
    this.#blocks = new Map(this.#all.filter(({ mark }) => mark === 'tried').map(({ word, commands }) => [word, commands]));
    this.#left = new Set(this.#blocks.keys());
  }

  /** Those that nobody has run. */
  get left(): readonly string[] {
    return [...this.#left];
  }

  /** Those of which the page does not say whether they are run. */
  get unmarked(): readonly string[] {
    return this.#all.filter(({ mark }) => mark === null).map(({ commands }) => commands);
  }

  /** Those that are not run, each with its reason. */
  get notRun(): readonly { readonly why: string; readonly commands: string }[] {
    return this.#all.filter(({ mark }) => mark === 'not run').map(({ word: why, commands }) => ({ why, commands }));
  }

  /** Commands of Corridor that the text names. */
  get mentions(): readonly string[] {
    return [...new Set([...this.#text.replace(BLOCK, '').matchAll(MENTION)].map(([, command = '']) => command))];
  }

  /** What they printed. `stands`: what is meant by what stands for something of the reader's, as `sus01…`. Rejects when one of them fails. */
  async run(name: string, env: Readonly<Record<string, string>>, stands: Readonly<Record<string, string>> = {}): Promise<string> {
    const stdout = await this.type(this.#take(name, stands), env);
    this.#left.delete(name);
    return stdout;
  }

  /** What they printed, of commands that stand in no block. Rejects when one of them fails. */
  async type(commands: string, env: Readonly<Record<string, string>>): Promise<string> {
    const { stdout } = await promisify(execFile)('sh', ['-euc', ALIAS + commands], { cwd: this.cwd, env: this.#environment(env) });
    return stdout;
  }

  /** Starts those that go on. */
  start(name: string, env: Readonly<Record<string, string>>): GoingOn {
    const child = spawn('sh', ['-euc', ALIAS + this.#take(name, {})], {
      cwd: this.cwd,
      env: this.#environment(env),
      detached: true, // a group of its own
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#left.delete(name);
    return goingOn(child);
  }

  #take(name: string, stands: Readonly<Record<string, string>>): string {
    let commands = this.#blocks.get(name);
    if (commands === undefined) throw new Error(`the page has no commands ${name}`);
    for (const [sign, meant] of Object.entries(stands)) {
      if (!commands.includes(sign)) throw new Error(`the commands ${name} do not have ${sign}`);
      commands = commands.replaceAll(sign, meant);
    }
    return commands;
  }

  #environment(env: Readonly<Record<string, string>>): Record<string, string> {
    return { PATH: [...this.tools, process.env['PATH'] ?? ''].join(path.delimiter), HOME: this.home, ...env };
  }
}

function goingOn(child: ChildProcess): GoingOn {
  const printed: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (bytes: Buffer) => printed.push(bytes));
  const ended = once(child, 'close');
  const group = -(child.pid ?? Number.NaN);
  return {
    group: String(group),
    output: () => Buffer.concat(printed).toString(),
    signal(signal) {
      if (child.exitCode === null && child.signalCode === null) process.kill(group, signal);
    },
    ended,
  };
}
