import type { Finding } from './finding.js';

/** A server that publishes other endpoints, keys or another issuer than are in use. */
export interface DriftedServer {
  readonly authorizationServer: string;
  readonly fields: readonly string[];
}

/** What waits for somebody's approval. */
export function metadataFindings(drifted: readonly DriftedServer[]): Finding[] {
  return drifted.map(({ authorizationServer, fields }) => ({
    code: 'metadata_drift',
    severity: 'warning',
    subject: `authorization server ${authorizationServer}`,
    message: `it publishes another ${fields.join(', ')} than is in use: see corridor upstream show ${authorizationServer}, then approve it or have it put right`,
  }));
}
