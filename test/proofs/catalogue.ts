import { purpose } from './front-door.js';

/** A workflow with its client, of the same name. `method` and `credential` as in corridor.yaml. */
export interface Party {
  readonly workflow: string;
  readonly client: string;
  readonly resources: readonly string[];
  readonly credential: string;
}

export interface ProofCatalogue {
  readonly issuer: string;
  /** By id: the indicator and the scopes. */
  readonly resources: Readonly<Record<string, { readonly uri: string; readonly scopes: readonly string[] }>>;
  readonly parties: readonly Party[];
}

/** The `corridor.yaml` of workflows that each have a client of their own at one authorization server on loopback. */
export function catalogueOf({ issuer, resources, parties }: ProofCatalogue): string {
  const lines = (printed: readonly string[]): string => printed.map((line) => `  ${line}\n`).join('');
  const owner = 'owner: search-team@example.com';
  return `version: 1
authorization_servers:
  upstream: { issuer: "${issuer}", allow_hosts: [127.0.0.1] }
resources:
${lines(Object.entries(resources).map(([id, { uri, scopes }]) => `${id}: { uri: "${uri}", authorization_server: upstream, scopes: [${scopes.join(', ')}], max_token_ttl: 1h }`))}
purposes:
  ${purpose}: { description: Keep the search index current }
workflows:
${lines(parties.map(({ workflow }) => `${workflow}: { ${owner}, purposes: [${purpose}], max_run_ttl: 1h, max_run_requests_per_minute: 100000 }`))}
clients:
${lines(
  parties.map(({ workflow, client, resources: reached, credential }) => {
    const method = credential === 'generate' ? 'private_key_jwt' : 'client_secret_basic';
    return `${client}: { client_id: corridor-${client}, authorization_server: upstream, ${owner}, workflows: [${workflow}], resources: [${reached.join(', ')}], method: ${method}, credential: "${credential}", rotate_every: 90d, max_token_life: 1h }`;
  }),
)}
runtimes:
  ci: { workflows: [${parties.map(({ workflow }) => workflow).join(', ')}] }
`;
}
