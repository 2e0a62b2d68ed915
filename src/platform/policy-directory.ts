import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { join, posix, sep } from 'node:path';
import type { PolicySource } from '../policy/policy-compiler.js';

/** What a policy directory may hold at most. Only files that are read count. */
export interface PolicyDirectoryLimits {
  readonly files: number;
  readonly bytes: number;
  readonly depth: number;
}

export const defaultDirectoryLimits: PolicyDirectoryLimits = { files: 500, bytes: 4 * 1024 * 1024, depth: 16 };

/** The directory cannot be a policy. `file` is the path below it, when one file is to blame. */
export class PolicyDirectoryInvalid extends Error {
  constructor(
    message: string,
    readonly file?: string,
    options?: ErrorOptions,
  ) {
    super(file === undefined ? message : `${file}: ${message}`, options);
    this.name = 'PolicyDirectoryInvalid';
  }
}

/**
 * Reads a policy from a directory: every `*.rego` in it and below, `data.json` at its top, and `schemas/<name>.json`, where
 * `schemas/input.json` describes the input. Hidden files and folders are passed over, as are all other files.
 * A symbolic link is followed when what it names lies in the directory too, as in a mounted Kubernetes ConfigMap.
 */
export async function readPolicyDirectory(
  directory: string,
  limits: PolicyDirectoryLimits = defaultDirectoryLimits,
): Promise<PolicySource> {
  const root = await realpath(directory).catch((cause: unknown) => {
    throw new PolicyDirectoryInvalid(`there is no policy directory ${directory}`, undefined, { cause });
  });
  if (!(await stat(root)).isDirectory()) throw new PolicyDirectoryInvalid(`${directory} is not a directory`);

  const texts = await new Reading(root, limits).folder('', root, []);
  const rego = texts.filter(([path]) => path.endsWith('.rego'));
  if (rego.length === 0) throw new PolicyDirectoryInvalid(`${directory} holds no .rego file`);
  const data = texts.find(([path]) => path === dataFile);
  const schemas = texts.filter(([path]) => isSchema(path));
  return {
    files: Object.fromEntries(rego),
    data: data === undefined ? {} : jsonObject(data),
    schemas: Object.fromEntries(schemas.map((schema) => [posix.basename(schema[0], '.json'), jsonObject(schema)])),
  };
}

const dataFile = 'data.json';
const misplaced = /(^|\/)data\.(json|ya?ml)$/;

type PathAndText = readonly [path: string, text: string];

class Reading {
  #files = 0;
  #bytes = 0;

  constructor(
    private readonly root: string,
    private readonly limits: PolicyDirectoryLimits,
  ) {}

  /** The files of a folder and of those below it, by path. `above` are the real folders that lead here. */
  async folder(path: string, real: string, above: readonly string[]): Promise<PathAndText[]> {
    if (above.includes(real)) throw new PolicyDirectoryInvalid('links lead in a circle', path);
    if (above.length > this.limits.depth) throw new PolicyDirectoryInvalid(`is more than ${this.limits.depth} folders deep`, path);
    const found: PathAndText[] = [];
    for (const name of (await readdir(real)).sort()) {
      if (name.startsWith('.')) continue;
      const below = posix.join(path, name);
      const target = await this.#inside(join(real, name), below);
      const kind = await stat(target);
      if (kind.isDirectory()) found.push(...(await this.folder(below, target, [...above, real])));
      else if (isRead(below)) found.push([below, await this.#text(target, below, kind)]);
      else if (misplaced.test(below))
        throw new PolicyDirectoryInvalid('data is read from data.json at the top of the directory only', below);
    }
    return found;
  }

  async #inside(file: string, path: string): Promise<string> {
    const target = await realpath(file).catch((cause: unknown) => {
      throw new PolicyDirectoryInvalid('cannot be read, or is a link to nothing', path, { cause });
    });
    if (!target.startsWith(this.root.endsWith(sep) ? this.root : this.root + sep)) {
      throw new PolicyDirectoryInvalid('is a link out of the policy directory', path);
    }
    return target;
  }

  async #text(file: string, path: string, kind: { isFile(): boolean; size: number }): Promise<string> {
    if (!kind.isFile()) throw new PolicyDirectoryInvalid('is not a regular file', path);
    this.#files += 1;
    if (this.#files > this.limits.files) throw new PolicyDirectoryInvalid(`is one file more than the ${this.limits.files} allowed`, path);
    this.#count(path, kind.size);
    const bytes = await readFile(file).catch((cause: unknown) => {
      throw new PolicyDirectoryInvalid('cannot be read', path, { cause });
    });
    this.#count(path, bytes.length - kind.size); // it may have grown since
    try {
      return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    } catch (cause) {
      throw new PolicyDirectoryInvalid('is not UTF-8', path, { cause });
    }
  }

  #count(path: string, bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes > this.limits.bytes) throw new PolicyDirectoryInvalid(`with it the policy exceeds ${this.limits.bytes} bytes`, path);
  }
}

function isRead(path: string): boolean {
  return path.endsWith('.rego') || path === dataFile || isSchema(path);
}

function isSchema(path: string): boolean {
  return posix.dirname(path) === 'schemas' && path.endsWith('.json');
}

function jsonObject([path, text]: PathAndText): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new PolicyDirectoryInvalid(`is not JSON: ${cause instanceof Error ? cause.message : String(cause)}`, path, { cause });
  }
  if (!isObject(value)) throw new PolicyDirectoryInvalid('must hold a JSON object', path);
  return value;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
