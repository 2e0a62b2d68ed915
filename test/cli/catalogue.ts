/** A catalogue for commands that ask no authorization server for anything. */
export const catalogue = `version: 1
authorization_servers:
  upstream: { issuer: "http://127.0.0.1:9", profile: standard, allow_hosts: [127.0.0.1] }
resources:
  crm: { uri: "https://crm.example/api", authorization_server: upstream, scopes: [crm:read], max_token_ttl: 1h }
purposes:
  search-indexing: { description: Keep the search index current }
workflows:
  nightly-index: { owner: search-team@example.com, purposes: [search-indexing], max_run_ttl: 1h }
clients:
  indexer: { client_id: corridor-indexer, authorization_server: upstream, owner: other-team@example.com, workflows: [nightly-index],
             resources: [crm], method: private_key_jwt, credential: generate, rotate_every: 90d, max_token_life: 1h }
runtimes:
  ci: { workflows: [nightly-index] }
`;
