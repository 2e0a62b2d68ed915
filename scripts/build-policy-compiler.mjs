/**
 * Builds `policy-compiler/` from its Go source: the capabilities, the module, the manifest and the notice.
 * With `--check` it runs the source's own tests, writes nothing, and exits 1 when what is committed is not what the source makes.
 * Needs Go, and the Go modules of `policy-compiler/go.sum`.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, brotliDecompressSync, constants } from 'node:zlib';
import { Go } from '../policy-compiler/build/go.mjs';
import { notice } from '../policy-compiler/build/notice.mjs';

const folder = join(dirname(dirname(fileURLToPath(import.meta.url))), 'policy-compiler');
const at = (name) => join(folder, name);
const compressedFile = 'policy-compiler.wasm.br';
const opaPath = 'github.com/open-policy-agent/opa';

const check = process.argv.includes('--check');
const go = new Go(folder);
let differences = 0;

go.run(['mod', 'download']); // a module that is not there yet has no directory
const [opa] = go.list(['-m', '-json', opaPath]);
const capabilities = go.run(['run', './cmd/capabilities', join(opa.Dir, 'builtin_metadata.json')]);
settle('capabilities.json', capabilities); // before the build, which embeds it

if (check) {
  go.run(['vet', './...']);
  go.run(['test', '.']);
}

const raw = build();
const packages = go.list(['-deps', '-json=Dir,Module', './cmd/reactor'], { forWasi: true });
settle('NOTICE', notice(packages, go.run(['env', 'GOROOT']).trim()));

const manifest = {
  opa: opa.Version,
  go: go.toolchain,
  module: { file: compressedFile, bytes: raw.length, sha256: sha256(raw) },
  capabilities: { file: 'capabilities.json', sha256: sha256(capabilities) },
};
settle('manifest.json', `${JSON.stringify(manifest, null, 2)}\n`);
settleModule();

if (differences > 0) {
  console.error(`${differences} of the files in policy-compiler/ are not what its source makes: node scripts/build-policy-compiler.mjs`);
  process.exit(1);
}
console.log(`policy compiler: OPA ${opa.Version}, ${go.toolchain}, sha256 ${manifest.module.sha256}`);

/** The same bytes for the same source and toolchain, wherever it runs. */
function build() {
  const temporary = mkdtempSync(join(tmpdir(), 'policy-compiler-'));
  try {
    const output = join(temporary, 'policy-compiler.wasm');
    const reproducible = ['-trimpath', '-buildvcs=false', '-ldflags=-s -w -buildid='];
    go.run(['build', '-buildmode=c-shared', ...reproducible, '-o', output, './cmd/reactor'], { forWasi: true });
    return readFileSync(output);
  } finally {
    rmSync(temporary, { recursive: true });
  }
}

/** Writes a generated text, or compares it. */
function settle(name, text) {
  const same = existsSync(at(name)) && readFileSync(at(name), 'utf8') === text;
  if (same) return;
  if (check) report(name);
  else writeFileSync(at(name), text);
}

/** The compressed bytes may depend on the version of brotli, and take a minute and a half: only what is in them counts. */
function settleModule() {
  if (existsSync(at(compressedFile)) && sha256(brotliDecompressSync(readFileSync(at(compressedFile)))) === manifest.module.sha256) return;
  if (check) return report(compressedFile);
  const params = {
    [constants.BROTLI_PARAM_QUALITY]: 11,
    [constants.BROTLI_PARAM_LGWIN]: constants.BROTLI_MAX_WINDOW_BITS,
    [constants.BROTLI_PARAM_SIZE_HINT]: raw.length,
  };
  writeFileSync(at(compressedFile), brotliCompressSync(raw, { params }));
}

function report(name) {
  differences += 1;
  console.error(`differs: policy-compiler/${name}`);
}

function sha256(bytes) {
  return createHash('sha256').update(bytes).digest('hex');
}
