import { execFile } from 'node:child_process';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { cli } from '../rig/command-line.js';

const BLOCK = /<!-- tried: ([a-z-]+) -->\n+```sh\n([^]*?)```/g;

/** The commands of a page, run as they stand there. `corridor` in them is the one that is built. */
export class TriedCommands {
  readonly #blocks: ReadonlyMap<string, string>;
  readonly #left: Set<string>;

  /** `bin` is a directory for the command line; `tools` are directories with further programs. */
  constructor(
    page: string,
    private readonly bin: string,
    private readonly tools: readonly string[],
  ) {
    const text = readFileSync(path.resolve(import.meta.dirname, '../../docs', page), 'utf8');
    this.#blocks = new Map([...text.matchAll(BLOCK)].map(([, name = '', commands = '']) => [name, commands]));
    this.#left = new Set(this.#blocks.keys());
    const shim = path.join(bin, 'corridor');
    writeFileSync(shim, `#!/bin/sh\nexec '${process.execPath}' '${cli}' "$@"\n`);
    chmodSync(shim, 0o755);
  }

  /** Those that nobody has run. */
  get left(): readonly string[] {
    return [...this.#left];
  }

  /** What they printed. Rejects when one of them fails. */
  async run(name: string, env: Readonly<Record<string, string>>): Promise<string> {
    const commands = this.#blocks.get(name);
    if (commands === undefined) throw new Error(`the page has no commands ${name}`);
    const searched = [this.bin, ...this.tools, process.env['PATH'] ?? ''].join(path.delimiter);
    const { stdout } = await promisify(execFile)('sh', ['-euc', commands], { cwd: this.bin, env: { PATH: searched, ...env } });
    this.#left.delete(name);
    return stdout;
  }
}
