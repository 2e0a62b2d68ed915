import type { CredentialSource } from '../catalogue/catalogue.js';
import type { Secret } from '../oauth/secret.js';

/** A reference to what someone else keeps. */
export type SecretSource = Exclude<CredentialSource, { kind: 'generate' }>;

/** A reference cannot be read. The message names the reference, says what to do, and MUST NOT quote what was read. */
export class SecretUnreadable extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'SecretUnreadable';
  }
}

/**
 * Reads secrets that corridor.yaml refers to (DESIGN §5).
 *
 * read MUST read no variable whose name does not begin with CORRIDOR_CLIENT_, and no file but one that such a variable names
 * (NAME_FILE) or one in the secret directory, also not through links; it MUST reject with SecretUnreadable alone, and what it gives is
 * never empty.
 */
export abstract class SecretReferences {
  abstract read(source: SecretSource): Promise<Secret>;
}
