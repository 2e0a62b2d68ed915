import { constants } from 'node:fs';
import { open, realpath, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { clientVariablePattern } from '../../catalogue/credential-source.js';
import { servedBy } from '../../config/client-variables.js';
import { LONGEST_SECRET, notRegular, secretText, tooLong, type SecretText } from '../../config/secret-text.js';
import { fileVariable } from '../../config/variables.js';
import { SecretReferences, SecretUnreadable, type SecretSource } from '../../credentials/secret-references.js';
import { Secret } from '../../oauth/secret.js';
import { systemErrorCode } from './system-error.js';

/**
 * Reads references from this machine: variables that begin with CORRIDOR_CLIENT_, or the files that their NAME_FILE names, and files
 * below one directory.
 */
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

  async #variable(name: string): Promise<Secret> {
    if (!clientVariablePattern.test(name))
      throw new SecretUnreadable(`${name} may not be read: only variables that begin with CORRIDOR_CLIENT_ may`);
    const served = servedBy(name);
    if (served !== null) throw new SecretUnreadable(`${name} would give the path of a file: refer to env:${served}, and the file is read`);
    const [value, file] = [this.environment[name], this.environment[fileVariable(name)]];
    if (value && file) throw new SecretUnreadable(`${name} and ${fileVariable(name)} are both set: unset one of them`);
    // whoever gives it says where it lies: it may be anywhere, and a link; it is not named, since it may be a secret in the wrong variable
    if (file) return readSecret(file, `the file that ${fileVariable(name)} names`, constants.O_NONBLOCK);
    if (value === undefined || value === '')
      throw new SecretUnreadable(`the variable ${name} is ${value === '' ? 'empty' : 'not set'}: set it where Corridor is started`);
    return new Secret(value);
  }

  async #file(reference: string): Promise<Secret> {
    if (this.directory === null)
      throw new SecretUnreadable(`file:${reference} cannot be read: set CORRIDOR_SECRET_DIR to the directory that holds it`);
    const file = await this.#insideDirectory(this.directory, reference);
    // what was a file a moment ago may be a link or a pipe now: neither is followed nor waited for
    return readSecret(file, `file:${reference}`, constants.O_NOFOLLOW | constants.O_NONBLOCK);
  }

  /** The file itself, after all links, which must lie below the directory, after all links of its own. */
  async #insideDirectory(directory: string, reference: string): Promise<string> {
    const resolve = (name: string) => realpath(name).catch((error: unknown) => Promise.reject(cannotRead(`file:${reference}`, error)));
    const [root, file] = await Promise.all([resolve(directory), resolve(path.resolve(directory, reference))]);
    const below = path.relative(root, file);
    if (below !== '' && below !== '..' && !below.startsWith(`..${path.sep}`) && !path.isAbsolute(below)) return file;
    throw new SecretUnreadable(
      `file:${reference} lies outside CORRIDOR_SECRET_DIR, and nothing there is read: move the file below that directory`,
    );
  }
}

/** `subject` stands for the file in messages. */
async function readSecret(file: string, subject: string, flags: number): Promise<Secret> {
  const handle = await open(file, constants.O_RDONLY | flags).catch((error: unknown) => {
    throw cannotRead(subject, error);
  });
  try {
    const read = await textIn(handle);
    if ('problem' in read) throw new SecretUnreadable(`${subject} ${read.problem}`);
    return new Secret(read.text);
  } finally {
    await handle.close();
  }
}

async function textIn(handle: FileHandle): Promise<SecretText> {
  const stats = await handle.stat();
  if (!stats.isFile()) return notRegular;
  return stats.size > LONGEST_SECRET ? tooLong : secretText(await handle.readFile());
}

function cannotRead(subject: string, error: unknown): SecretUnreadable {
  return new SecretUnreadable(
    `${subject} cannot be read (${systemErrorCode(error)}): make sure that it is there and that Corridor's user may read it`,
  );
}
