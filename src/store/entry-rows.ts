import type { Entry } from '../attribution/entry-log.js';

/** Entries as the procedure insert_entries takes them. */
export function entryRows(entries: readonly Entry[]): string {
  return JSON.stringify(
    entries.map(({ id, type, text, columns }) => ({
      id,
      type,
      bytes: Buffer.from(text).toString('base64'),
      run: columns.run,
      workflow: columns.workflow,
      client: columns.client,
      resource: columns.resource,
      owner: columns.owner,
      issuance: columns.issuance,
      decision: columns.decision,
      token_sha256: columns.tokenSha256,
      token_jti: columns.tokenJti,
    })),
  );
}
