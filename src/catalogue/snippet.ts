import { clientShape } from './file-shape.js';
import { identifierPattern } from './member-shapes.js';

/** What a snippet says of a server; names of members that stay out are null. */
export interface ServerSnippet {
  readonly issuer: string;
  readonly profile: string;
  readonly allowHosts: readonly string[];
  /** The path of its file, relative to CORRIDOR_SECRET_DIR. */
  readonly ca: string | null;
  readonly method: string | null;
  readonly algorithm: string | null;
  /** Endpoints that stand in it as they were found. */
  readonly pinned: Readonly<Record<string, string>>;
  /** Endpoints that only whoever writes the catalogue can decide upon: they stand in it as comments. */
  readonly undecided: Readonly<Record<string, string>>;
}

export interface ResourceSnippet {
  readonly uri: string;
  /** The server's id in the catalogue, or null when it has none there yet. */
  readonly authorizationServer: string | null;
  readonly scopes: readonly string[];
}

/** The part of corridor.yaml that declares a server, with a client of it to be filled in. */
export function serverSnippet({ issuer, profile, allowHosts, ca, method, algorithm, pinned, undecided }: ServerSnippet): string {
  const id = idOf(issuer);
  const isDefault = algorithm === null || algorithm === clientShape.shape.algorithm.unwrap().options[0];
  const credential = method === 'private_key_jwt' ? 'generate' : 'env:CORRIDOR_CLIENT_…';
  return [
    'authorization_servers:',
    `  ${id}:`,
    `    issuer: ${JSON.stringify(issuer)}`,
    `    profile: ${profile}`,
    ...(allowHosts.length === 0 ? [] : [`    allow_hosts: [${allowHosts.map((host) => JSON.stringify(host)).join(', ')}]`]),
    ...(ca === null ? [] : [`    ca: ${JSON.stringify(`file:${ca}`)}`]),
    ...Object.entries(pinned).map(
      ([name, url]) => `    ${name}: ${JSON.stringify(url)}   # assertions name it: see that it is the server's own`,
    ),
    ...Object.entries(undecided).map(([name, url]) => `    # ${name}: ${JSON.stringify(url)}   # uncomment it if it is the server's own`),
    ...(method === null
      ? []
      : [
          '# clients:',
          '#   …:',
          `#     authorization_server: ${id}`,
          `#     method: ${method}`,
          ...(isDefault ? [] : [`#     algorithm: ${algorithm}`]),
          `#     credential: ${credential}`,
        ]),
  ].join('\n');
}

/** The part of corridor.yaml that declares a resource. */
export function resourceSnippet({ uri, authorizationServer, scopes }: ResourceSnippet): string {
  return [
    'resources:',
    `  ${idOf(uri)}:`,
    `    uri: ${JSON.stringify(uri)}`,
    authorizationServer === null
      ? '    # authorization_server: …   # declare it first: corridor upstream preview <issuer>'
      : `    authorization_server: ${authorizationServer}`,
    scopes.length === 0
      ? '    # scopes: […]   # it does not say which there are'
      : `    scopes: [${scopes.map((scope) => JSON.stringify(scope)).join(', ')}]`,
    '    max_token_ttl: 1h',
  ].join('\n');
}

/** A name for what is at a URL, from its host and path. */
function idOf(url: string): string {
  const { hostname, pathname } = new URL(url);
  const id = `${hostname}${pathname}`
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '')
    .slice(0, 60);
  return identifierPattern.test(id) ? id : 'server';
}
