import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Go as this module wants it: its exact toolchain, and nothing of the caller's settings that could change a byte. */
export class Go {
  #folder;
  #toolchain;

  constructor(folder) {
    this.#folder = folder;
    const wanted = /^toolchain (go\S+)$/m.exec(readFileSync(join(folder, 'go.mod'), 'utf8'));
    if (wanted === null) throw new Error('go.mod names no toolchain');
    this.#toolchain = wanted[1];
  }

  get toolchain() {
    return this.#toolchain;
  }

  /** For this machine, or with `forWasi` for the compiler's own. Returns what Go printed. */
  run(args, { forWasi = false } = {}) {
    const target = forWasi ? { GOOS: 'wasip1', GOARCH: 'wasm' } : {};
    const env = {
      ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !unwanted.has(name))),
      GOTOOLCHAIN: this.#toolchain,
      GOFLAGS: '-mod=readonly',
      GOWORK: 'off',
      CGO_ENABLED: '0',
      ...target,
    };
    const options = { cwd: this.#folder, env, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024, stdio: ['ignore', 'pipe', 'inherit'] };
    return execFileSync('go', args, options);
  }

  /** The objects that Go printed one after the other. */
  list(args, options) {
    const text = this.run(['list', ...args], options);
    return JSON.parse(`[${text.trim().replaceAll(/^\}\n\{/gm, '},{')}]`);
  }
}

const unwanted = new Set(['GOOS', 'GOARCH', 'GOWASM', 'GOEXPERIMENT', 'GOFIPS140', 'GODEBUG']);
