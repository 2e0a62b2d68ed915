/** Runs of the first start runs of the second, and those of the third. Each has a client of its own. */
export const workflows = ['plan', 'fetch', 'index'] as const;
export type Workflow = (typeof workflows)[number];
/** Tokens for the one are JWTs, which the authorization server cannot revoke; those for the other are opaque, which it can. */
export const resources = { crm: 'https://crm.example/api', files: 'https://files.example/api' } as const;
export type Resource = keyof typeof resources;
export const scope = 'things:read';
export const purpose = 'search-indexing';
export const purposes = [purpose, 'reporting'] as const;
export const authorizationServer = 'upstream';

/** By what a run can be stopped, besides its id. An operator by name. */
export interface Traits {
  readonly workflow: Workflow;
  readonly purpose: (typeof purposes)[number];
  readonly agent: string;
  readonly operator: string | null;
  readonly runtime: 'ci' | 'jobs' | 'cluster';
}

/** What changes of the catalogue: who owns the workflows, and whether one of them reaches `files`. */
export interface Variant {
  readonly owner: string;
  readonly reachesFiles: boolean;
}

/** The workflow that loses a resource now and then. */
export const losing: Workflow = 'fetch';
/** Each of them owns a workflow without runs as well, so that it can always be named. */
export const owners = ['search-team@example.com', 'index-team@example.com'] as const;
const [searchTeam, indexTeam] = owners;
export const variants: readonly Variant[] = [
  { owner: searchTeam, reachesFiles: true },
  { owner: indexTeam, reachesFiles: true },
  { owner: indexTeam, reachesFiles: false },
];
export const firstVariant: Variant = { owner: searchTeam, reachesFiles: true };

export function clientOf(workflow: Workflow): string {
  return `${workflow}-client`;
}

export function scaledCatalogue(issuer: string, runtimes: string, { owner, reachesFiles }: Variant): string {
  const each = <T extends string>(names: readonly T[], print: (name: T) => string, id: (name: T) => string = String): string =>
    names.map((name) => `  ${id(name)}: { ${print(name)} }\n`).join('');
  const reached = (workflow: Workflow): string => (workflow === losing && !reachesFiles ? 'crm' : 'crm, files');
  return `version: 1
authorization_servers:
  ${authorizationServer}: { issuer: "${issuer}", profile: standard, allow_hosts: [127.0.0.1] }
resources:
${each(['crm', 'files'], (name: Resource) => `uri: "${resources[name]}", authorization_server: ${authorizationServer}, scopes: [${scope}], max_token_ttl: 1h`)}
purposes:
${each(purposes, (name) => `description: ${name}`)}workflows:
${each(workflows, () => `owner: ${owner}, purposes: [${purposes.join()}], max_run_ttl: 1h`)}${each(
    owners,
    (name) => `owner: "${name}", purposes: [${purpose}], max_run_ttl: 1h`,
    (name) => `idle-of-${name.split('@')[0]}`,
  )}
clients:
${workflows
  .map(
    (workflow) =>
      `  ${clientOf(workflow)}: { ` +
      `client_id: corridor-${workflow}, authorization_server: ${authorizationServer}, owner: clients@example.com, workflows: [${workflow}], ` +
      `resources: [${reached(workflow)}], rotate_every: 90d, max_token_life: 1h, ${
        workflow === 'plan'
          ? 'method: private_key_jwt, credential: generate'
          : `method: client_secret_basic, credential: "env:CORRIDOR_CLIENT_${workflow.toUpperCase()}"`
      } }\n`,
  )
  .join('')}
runtimes:
  ci: { workflows: [${workflows.join()}] }${runtimes}`;
}
