import { constants } from 'node:fs';
import { open, realpath, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { clientVariablePattern } from '../../catalogue/credential-source.js';
import { SecretReferences, SecretUnreadable, type SecretSource } from '../../credentials/secret-references.js';
import { Secret } from '../../oauth/secret.js';
import { systemErrorCode } from './system-error.js';

const MAX_SIZE = 65_536;

/** Reads references from this machine: variables that begin with CORRIDOR_CLIENT_, and files below one directory. */
export class LocalSecretReferences extends SecretReferences {
  constructor(
    private readonly environment: Readonly<Record<string, string | undefined>>,
    /** CORRIDOR_SECRET_DIR, absolute; null when it is unset. */
    private readonly directory: string | null,
  ) {
    super();
  }

  async read(source: SecretSource): Promise<Secret> {
    return source.kind === 'env' ? this.#variable(source.name) : this.#file(source.path);
  }

  #variable(name: string): Secret {
    if (!clientVariablePattern.test(name))
      throw new SecretUnreadable(`${name} may not be read: only variables that begin with CORRIDOR_CLIENT_ may`);
    const value = this.environment[name];
    if (value === undefined || value === '')
      throw new SecretUnreadable(`the variable ${name} is ${value === '' ? 'empty' : 'not set'}: set it where Corridor is started`);
    return new Secret(value);
  }

  async #file(reference: string): Promise<Secret> {
    if (this.directory === null)
      throw new SecretUnreadable(`file:${reference} cannot be read: set CORRIDOR_SECRET_DIR to the directory that holds it`);
    const file = await this.#insideDirectory(this.directory, reference);
    // what was a file a moment ago may be a link or a pipe now: neither is followed nor waited for
    const handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch((error: unknown) => {
      throw cannotRead(reference, error);
    });
    try {
      return new Secret(await readText(handle, reference));
    } finally {
      await handle.close();
    }
  }

  /** The file itself, after all links, which must lie below the directory, after all links of its own. */
  async #insideDirectory(directory: string, reference: string): Promise<string> {
    const resolve = (name: string) => realpath(name).catch((error: unknown) => Promise.reject(cannotRead(reference, error)));
    const [root, file] = await Promise.all([resolve(directory), resolve(path.resolve(directory, reference))]);
    const below = path.relative(root, file);
    if (below !== '' && below !== '..' && !below.startsWith(`..${path.sep}`) && !path.isAbsolute(below)) return file;
    throw new SecretUnreadable(
      `file:${reference} lies outside CORRIDOR_SECRET_DIR, and nothing there is read: move the file below that directory`,
    );
  }
}

async function readText(handle: FileHandle, reference: string): Promise<string> {
  const stats = await handle.stat();
  if (!stats.isFile()) throw new SecretUnreadable(`file:${reference} is no regular file: let it name one`);
  const bytes = stats.size > MAX_SIZE ? null : await handle.readFile();
  if (bytes === null || bytes.length > MAX_SIZE) throw new SecretUnreadable(`file:${reference} is longer than 64 KiB: no secret is`);
  const text = decode(bytes, reference).replace(/\r?\n$/, '');
  if (text === '') throw new SecretUnreadable(`file:${reference} is empty: put the secret into it`);
  return text;
}

function decode(bytes: Uint8Array, reference: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new SecretUnreadable(`file:${reference} is no UTF-8 text: write the secret, or the key as PEM or JWK, as text`);
  }
}

function cannotRead(reference: string, error: unknown): SecretUnreadable {
  return new SecretUnreadable(
    `file:${reference} cannot be read (${systemErrorCode(error)}): make sure that it is there and that Corridor's user may read it`,
  );
}
