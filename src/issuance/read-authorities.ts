import { authorityPathsIn, type ReadAuthorities } from '../catalogue/read-authorities.js';
import { certificatesIn } from '../credentials/certificates.js';
import { SecretUnreadable, type SecretReferences } from '../credentials/secret-references.js';

/**
 * Reads the certificates of authorities that a catalogue file names. They become part of the catalogue: whom Corridor trusts changes
 * when it is applied and never by a file alone.
 */
export async function readAuthorities(source: string, references: SecretReferences): Promise<ReadAuthorities> {
  const paths = [...new Set(authorityPathsIn(source))];
  return new Map(await Promise.all(paths.map(async (path) => [path, await authoritiesAt(path, references)] as const)));
}

/** Those of one file below the secret directory, or a sentence that follows the member's name. */
export async function authoritiesAt(path: string, references: SecretReferences): Promise<{ pem: string } | { problem: string }> {
  try {
    const pem = (await references.read({ kind: 'file', path })).reveal();
    const certificates = certificatesIn(pem);
    if (certificates === 'broken') return { problem: 'names a file with a certificate that cannot be read: it must be X.509 in PEM' };
    if (certificates.length === 0) return { problem: 'names a file without a certificate: put those of the authorities into it, in PEM' };
    return { pem: certificates.map(String).join('') };
  } catch (error) {
    if (error instanceof SecretUnreadable) return { problem: `is of no use: ${error.message}` };
    throw error;
  }
}
