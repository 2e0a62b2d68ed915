import { createPrivateKey, X509Certificate } from 'node:crypto';
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import type { Journal } from './journal.js';
import { systemErrorCode } from './keys/system-error.js';
import { PlatformUnusable } from './platform-unusable.js';

export interface TlsFileNames {
  readonly cert: string;
  readonly key: string;
}

/** A certificate with its chain, and its key, that were found to be good for serving. */
export interface ReadPair {
  readonly cert: string;
  readonly key: string;
  /** The end of the certificate, milliseconds since 1970. */
  readonly validTo: number;
}

const LARGEST = 1_048_576;
const LOOK_EVERY = 10_000;
const DAY = 86_400_000;
/** How long before its end a certificate is an alarm, once a day. */
const WARN_BEFORE = 14 * DAY;

/**
 * The files of CORRIDOR_TLS_CERT and CORRIDOR_TLS_KEY: read at the start, when SIGHUP comes, and looked at every ten seconds, by what they
 * hold, so that it does not matter how they are replaced. A pair that is no good leaves the one before it in use.
 */
export class TlsFiles {
  #timer: NodeJS.Timeout | undefined;
  #use: (pair: ReadPair) => void = () => undefined;
  #looking: Promise<void> | null = null;
  #said = '';
  readonly #onSignal = (): void => void this.look();

  private constructor(
    private readonly files: TlsFileNames,
    private readonly journal: Journal,
    private current: ReadPair,
  ) {}

  /** @throws PlatformUnusable */
  static async open(files: TlsFileNames, journal: Journal): Promise<TlsFiles> {
    const opened = new TlsFiles(files, journal, await readPair(files));
    opened.#warnOfEnd();
    return opened;
  }

  get pair(): ReadPair {
    return this.current;
  }

  /** Calls `use` with each new pair from now on. */
  follow(use: (pair: ReadPair) => void): void {
    this.#use = use;
    process.on('SIGHUP', this.#onSignal);
    this.#timer = setInterval(this.#onSignal, LOOK_EVERY).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
    process.off('SIGHUP', this.#onSignal);
  }

  /** Reads the files again. */
  look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => (this.#looking = null));
    return this.#looking;
  }

  async #look(): Promise<void> {
    try {
      const pair = await readPair(this.files);
      if (pair.cert !== this.current.cert || pair.key !== this.current.key) {
        this.current = pair;
        this.#use(pair);
        this.journal.note('info', 'tls_pair_changed', { valid_to: new Date(pair.validTo).toISOString() });
        this.#said = '';
      }
    } catch (error) {
      const message = error instanceof PlatformUnusable ? error.message : `it cannot be used (${systemErrorCode(error)})`;
      this.#say('error', 'tls_pair_refused', { message, effect: 'the pair that was read before stays in use' }, message);
    }
    this.#warnOfEnd();
  }

  #warnOfEnd(): void {
    const { validTo } = this.current;
    if (validTo - WARN_BEFORE > Date.now()) return;
    const members = { valid_to: new Date(validTo).toISOString(), do: `put a new certificate into ${this.files.cert}` };
    this.#say('warning', 'tls_certificate_expires', members, `expires ${Math.floor(Date.now() / DAY)}`);
  }

  /** Once for each `what`. */
  #say(level: 'warning' | 'error', event: string, members: Readonly<Record<string, unknown>>, what: string): void {
    if (this.#said.includes(what)) return;
    this.#said += `${what}\n`;
    this.journal.note(level, event, members);
  }
}

/** Reads both files, and says what is wrong with them before anybody is served. @throws PlatformUnusable */
export async function readPair(files: TlsFileNames): Promise<ReadPair> {
  const cert = await readPem(files.cert, 'CORRIDOR_TLS_CERT', false);
  const key = await readPem(files.key, 'CORRIDOR_TLS_KEY', true);
  const certificate = parsed(() => new X509Certificate(cert), `CORRIDOR_TLS_CERT: ${files.cert} holds no certificate in PEM.`);
  const privateKey = parsed(
    () => createPrivateKey(key),
    `CORRIDOR_TLS_KEY: ${files.key} holds no private key in PEM without a passphrase.`,
  );
  if (!certificate.checkPrivateKey(privateKey)) {
    throw new PlatformUnusable(
      `The key in ${files.key} is not the one of the first certificate in ${files.cert}: put the two files there that belong together.`,
    );
  }
  const [validFrom, validTo] = [Date.parse(certificate.validFrom), Date.parse(certificate.validTo)];
  if (validTo <= Date.now())
    throw new PlatformUnusable(`The certificate in ${files.cert} ended at ${isoOf(validTo)}: put a new one there.`);
  if (validFrom > Date.now())
    throw new PlatformUnusable(`The certificate in ${files.cert} is valid only from ${isoOf(validFrom)}: put a valid one there.`);
  parsed(
    () => createSecureContext({ cert, key, minVersion: 'TLSv1.2' }),
    `The certificate in ${files.cert} or its key is of a kind that TLS does not take, such as too small a key.`,
  );
  return { cert, key, validTo };
}

/** Links are followed: that is how platforms mount secrets. */
async function readPem(file: string, variable: string, isPrivate: boolean): Promise<string> {
  try {
    const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const stats = await handle.stat();
      if (!stats.isFile() || stats.size > LARGEST) throw new PlatformUnusable(`${variable}: ${file} must be a small regular file.`);
      if (isPrivate) requirePrivate(file, variable, stats.mode & 0o777);
      return await handle.readFile('utf8');
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (error instanceof PlatformUnusable) throw error;
    throw new PlatformUnusable(`${variable}: ${file} cannot be read (${systemErrorCode(error)}).`, { cause: error });
  }
}

/** The group may read: platforms mount secrets so for a process that is not root. */
function requirePrivate(file: string, variable: string, mode: number): void {
  if ((mode & 0o027) === 0) return;
  throw new PlatformUnusable(
    `${variable}: ${file} can be read or changed by others (mode ${mode.toString(8)}): run chmod 600 on it, and replace the key if others had access.`,
  );
}

function parsed<T>(parse: () => T, message: string): T {
  try {
    return parse();
  } catch (error) {
    throw new PlatformUnusable(message, { cause: error });
  }
}

function isoOf(time: number): string {
  return new Date(time).toISOString();
}
