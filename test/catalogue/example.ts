import { readFileSync } from 'node:fs';
import type { Catalogue } from '../../src/catalogue/catalogue.js';
import { parseCatalogueFile } from '../../src/catalogue/parse-catalogue-file.js';
import { printProblem } from '../../src/catalogue/problem.js';

/** The example of the documentation, a line for each entry. */
export const example = `version: 1
time_zone: Europe/Berlin
authorization_servers:
  demo: { issuer: "http://127.0.0.1:9400", profile: standard, allow_hosts: [127.0.0.1] }
resources:
  crm: { uri: "https://crm.example/api", authorization_server: demo, scopes: [crm:read, crm:write], default_scopes: [crm:read], max_token_ttl: 1h }
  billing: { uri: "https://billing.example/api", authorization_server: demo, scopes: [billing:read], max_token_ttl: 1h }
purposes:
  search-indexing: { description: Keep the search index current }
  inbox-triage: { description: Act on one person's mailbox, needs_user: true }
workflows:
  nightly-index: { owner: search-team@example.com, purposes: [search-indexing], max_run_ttl: 1h, labels: { environment: production } }
clients:
  indexer:
    client_id: corridor-indexer
    authorization_server: demo
    owner: search-team@example.com
    workflows: [nightly-index]
    resources: [crm]
    method: private_key_jwt
    credential: generate
    rotate_every: 90d
    max_token_life: 1h
runtimes:
  ci: { workflows: [nightly-index] }
`;

/** The example with one text in it replaced. */
export function exampleWith(text: string, replacement: string): string {
  if (!example.includes(text)) throw new Error(`the example does not hold ${text}`);
  return example.replace(text, replacement);
}

export function catalogueOf(text: string): Catalogue {
  const parsed = parseCatalogueFile(text, 'corridor.yaml');
  if (parsed.ok) return parsed.catalogue;
  throw new Error(parsed.problems.map(printProblem).join('\n'));
}

/** Every problem as it is printed, without the name of the file. */
export function problemsOf(text: string): string[] {
  const parsed = parseCatalogueFile(text, 'corridor.yaml');
  return parsed.ok ? [] : parsed.problems.map((problem) => printProblem(problem).replace(/^corridor\.yaml:/, ''));
}

export function readProjectFile(name: string): string {
  return readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8');
}
