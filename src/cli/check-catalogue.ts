import { parseCatalogueFile } from '../catalogue/parse-catalogue-file.js';
import { planCredentials } from '../credentials/plan-credentials.js';
import { readAuthorities } from '../issuance/read-authorities.js';
import { LocalSecretReferences } from '../platform/keys/secret-references.js';
import { systemErrorCode } from '../platform/keys/system-error.js';
import { readTextFile } from '../platform/private-file.js';
import { SystemRandomness } from '../platform/system-randomness.js';
import type { Problem } from './command-failed.js';
import type { ConfiguredPaths } from './configured-paths.js';

export interface CheckedCatalogue {
  readonly problems: readonly Problem[];
  /** The variables that it refers to; null where it cannot be told. */
  readonly refersTo: ReadonlySet<string> | null;
}

/** What an empty Corridor would say to the catalogue, as far as it can be said without a database or an authorization server. */
export async function checkCatalogue(
  paths: ConfiguredPaths,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<CheckedCatalogue> {
  const file = paths.configFile;
  const source = await readTextFile(file).catch((error: unknown) => ({ problem: `${file} cannot be read (${systemErrorCode(error)}).` }));
  if (source === null) return { problems: [], refersTo: null };
  if (typeof source !== 'string') return { problems: [{ message: source.problem }], refersTo: null };
  const references = new LocalSecretReferences(environment, paths.secretDirectory);
  const parsed = parseCatalogueFile(source, file, await readAuthorities(source, references));
  if (!parsed.ok) return { problems: parsed.problems, refersTo: null };
  // keys that Corridor would make are not made for this
  const referring = Object.entries(parsed.catalogue.clients).filter(([, { credential }]) => credential.kind !== 'generate');
  const randomness = new SystemRandomness();
  const { problems } = await planCredentials({
    catalogue: { ...parsed.catalogue, clients: Object.fromEntries(referring) },
    inUse: [],
    formerBindings: [],
    references,
    digestKey: randomness.bytes(32),
    randomness,
    now: Date.now(),
  });
  const named = referring.flatMap(([, { credential }]) => (credential.kind === 'env' ? [credential.name] : []));
  return {
    problems: problems.map(({ client, message }) => ({ message: `The client ${client} of ${file}: ${message}.` })),
    refersTo: new Set(named),
  };
}
