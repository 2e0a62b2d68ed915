import type { AuthorizationServer, Catalogue } from '../catalogue/catalogue.js';
import type { Facts } from '../issuance/facts.js';
import { pinOf } from '../issuance/pin-metadata.js';
import { offerProblem } from '../issuance/refresh-metadata.js';
import { timestamp } from '../oauth/clock.js';
import { metadataOfCatalogue, metadataOfDocument, type ServerMetadata } from '../upstreams/metadata.js';
import type { MetadataPin } from '../upstreams/metadata-pins.js';
import type { WatchedMetadata } from '../upstreams/metadata-watch.js';
import { movedBetween } from '../upstreams/server-document.js';
import { UpstreamFailed } from '../upstreams/upstream-failed.js';

/** What is in use of an authorization server, where that is from, and what it offers instead. */
export function printServer(server: AuthorizationServer, facts: Facts, watched: readonly WatchedMetadata[]): Record<string, unknown> {
  const pin = pinOf(facts, server);
  const seen = watched.find((one) => one.authorizationServer === server.id && one.issuer === server.issuer) ?? null;
  return {
    id: server.id,
    issuer: server.issuer,
    profile: server.profile.name,
    metadata: printMetadata(server, pin),
    read_at: seen === null ? null : timestamp(seen.readAt),
    tried_at: seen === null ? null : timestamp(seen.triedAt),
    fault: seen?.fault ?? null,
    ...printOffer(facts.catalogue, server, pin, seen),
  };
}

/** null: nothing was read yet, and the catalogue does not say it. */
function printMetadata(server: AuthorizationServer, pin: MetadataPin | null): Record<string, unknown> | null {
  const used = usedMetadata(server, pin);
  if (pin === null && used === null) return null;
  const document = pin?.document;
  return {
    source: pin === null ? 'catalogue' : 'document',
    usable: used !== null,
    token_endpoint: used?.tokenEndpoint ?? null,
    revocation_endpoint: used?.revocationEndpoint ?? null,
    introspection_endpoint: used?.introspectionEndpoint ?? null,
    jwks_uri: document?.jwks_uri ?? null,
    mtls_endpoint_aliases: document?.mtls_endpoint_aliases ?? null,
    token_endpoint_auth_methods_supported: document?.token_endpoint_auth_methods_supported ?? null,
    token_endpoint_auth_signing_alg_values_supported: document?.token_endpoint_auth_signing_alg_values_supported ?? null,
    grant_types_supported: document?.grant_types_supported ?? null,
    warnings: used?.warnings ?? [],
    ...(pin === null
      ? {}
      : { location: pin.location, digest: pin.digest, pinned_at: timestamp(pin.pinnedAt), approved_by: pin.approvedBy }),
  };
}

function usedMetadata(server: AuthorizationServer, pin: MetadataPin | null): ServerMetadata | null {
  try {
    return pin === null ? metadataOfCatalogue(server) : metadataOfDocument(server, pin.document);
  } catch (error) {
    if (error instanceof UpstreamFailed) return null;
    throw error;
  }
}

function printOffer(
  catalogue: Catalogue,
  server: AuthorizationServer,
  pin: MetadataPin | null,
  seen: WatchedMetadata | null,
): Record<string, unknown> {
  if (pin === null || seen?.offered == null) return { metadata_drift: [], offered: null };
  const { offered } = seen;
  const since = timestamp(offered.since);
  return {
    metadata_drift: movedBetween(pin.document, offered.document).map((moved) => ({ ...moved, since })),
    offered: { digest: offered.digest, location: offered.location, since, problem: offerProblem(catalogue, server, offered) },
  };
}
