import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { brotliDecompressSync } from 'node:zlib';
import { limitMemory } from './memory-limit.mjs';
import { wasiWithoutCapabilities } from './wasi.mjs';

/** The bytes of the compiler, when they are those that the manifest names. */
export function readArtefact({ path, bytes, sha256 }) {
  const raw = brotliDecompressSync(readFileSync(path), { maxOutputLength: bytes });
  const found = createHash('sha256').update(raw).digest('hex');
  if (found !== sha256) throw new Error(`its SHA-256 is ${found}, the manifest says ${sha256}`);
  return raw;
}

/**
 * Starts the compiler. What it returns answers a request (JSON text) with JSON text and perhaps a module. When it throws, the
 * guest is not to be asked again.
 */
export function startReactor(artefact, memoryPages) {
  const wasi = wasiWithoutCapabilities(() => guest.memory);
  const module = new WebAssembly.Module(limitMemory(artefact, memoryPages));
  const guest = new WebAssembly.Instance(module, { wasi_snapshot_preview1: wasi.imports }).exports;
  guest._initialize();

  const handle = (length) => {
    try {
      return guest.handle(length);
    } catch (error) {
      throw new Error(`${error.message}: ${wasi.complaint()}`, { cause: error });
    }
  };
  return (request) => {
    const bytes = Buffer.from(request);
    const at = guest.allocate(bytes.length);
    new Uint8Array(guest.memory.buffer).set(bytes, at);
    const length = handle(bytes.length) >>> 0;
    const text = Buffer.from(guest.memory.buffer, guest.answer_at() >>> 0, length).toString();
    const moduleLength = guest.module_length() >>> 0;
    const built = moduleLength > 0 ? new Uint8Array(guest.memory.buffer, guest.module_at() >>> 0, moduleLength).slice() : undefined;
    guest.release();
    return { text, module: built };
  };
}
