/**
 * A `corridor.yaml` to start from: an empty catalogue, with an example of everything commented out.
 * `schema` is where the editor finds the JSON Schema: a URL, or a path relative to the file.
 */
export function catalogueTemplate(schema: string): string {
  return `# yaml-language-server: $schema=${schema}
#
# What Corridor brokers: who may go where, and who answers for it. Nothing secret stands here.
# See what a change would do:  corridor apply -f corridor.yaml --dry-run
# Make it so:                  corridor apply -f corridor.yaml
#
# Names are lower-case letters, digits, dots, dashes and underscores. Durations are 30s, 15m, 1h, 90d.
# To use the example, remove the "# " in front of its lines and put your own names in.

version: 1
time_zone: UTC # the hours that policies see, such as Europe/Berlin
# suspensions: { lifted_by: another_person } # not by whoever raised it

# The OAuth authorization servers that issue the tokens, each by its issuer (RFC 8414).
# Plain http, loopback and private addresses are reached only where allow_hosts names the host.
authorization_servers:
#   idp:
#     issuer: https://login.example.com
#     # allow_hosts: [idp.internal]

# The APIs that agents call, each by its resource indicator (RFC 8707).
resources:
#   crm:
#     uri: https://crm.example/api
#     authorization_server: idp
#     scopes: [crm:read, crm:write]
#     default_scopes: [crm:read] # meant when a request names none
#     # authorization_details_types: [crm_export] # what may be asked for in detail (RFC 9396)
#     max_token_ttl: 1h

# Why runs happen. A purpose that needs a person's rights or consent belongs to a user flow: needs_user makes Corridor refuse it.
purposes:
#   search-indexing:
#     description: Keep the search index current

# The automations, and who answers for them.
workflows:
#   nightly-index:
#     owner: search-team@example.com
#     purposes: [search-indexing]
#     max_run_ttl: 1h
#     # max_run_requests_per_minute: 60 # token requests of each run; 600 when it is left out
#     labels: { environment: production } # policies may go by labels

# The clients that were registered for Corridor at an authorization server. At most one serves a workflow and a resource.
# credential is generate (Corridor makes a key pair; give the server its URL <public URL>/oauth2/clients/<id>/jwks, or what corridor client jwks prints),
# env:CORRIDOR_CLIENT_SOMETHING, or file:PATH below CORRIDOR_SECRET_DIR.
clients:
#   indexer:
#     client_id: corridor-indexer
#     authorization_server: idp
#     owner: search-team@example.com
#     workflows: [nightly-index]
#     resources: [crm]
#     method: private_key_jwt # or client_secret_basic, where the server takes no keys
#     credential: generate
#     rotate_every: 90d
#     max_token_life: 1h

# The platforms that start runs. Make a key for one with: corridor key create --runtime ci
runtimes:
#   ci:
#     workflows: [nightly-index]
#   github: # or its own signed tokens in place of a key: docs/workload-identity.md
#     workflows: [nightly-index]
#     identity:
#       kind: github_actions
#       claims:
#         - match: { repository: acme/indexer, ref: refs/heads/main }
#           workflow: nightly-index
#           purpose: search-indexing
`;
}
