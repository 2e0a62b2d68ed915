import { randomBytes } from 'node:crypto';
import type { EntryMembers } from '../../src/attribution/entry.js';
import type { EntryColumns, EntryType } from '../../src/attribution/entry-log.js';
import { entryOf, identifier, sha256, type World } from './world.js';

export const epoch = { incarnation: 'inc01', number: 1 };
export const agent = { name: 'indexer', version: '1.4.0', model: 'none' };
export const through: EntryMembers = {
  issuer: 'http://127.0.0.1:9400',
  client_id: 'corridor-indexer',
  method: 'private_key_jwt',
  credential: { id: 'cre01', kid: 'kid1' },
};
export const resource = { id: 'crm', uri: 'https://crm.example/api' };

export function decisionOf(id: string, allow = true) {
  return {
    id,
    by: 'policy',
    revision: 'sha256:4e1a',
    input_sha256: 'ab',
    allow,
    reasons: [{ code: allow ? 'granted' : 'not' }],
    obligations: { max_ttl: 300 },
  };
}

/** Puts entries into the log that say what entries about tokens say. */
export class Telling {
  constructor(private readonly world: World) {}

  async record(type: EntryType, columns: EntryColumns, members: EntryMembers = {}): Promise<string> {
    return this.world.record(entryOf(type, epoch, { workflow: 'nightly-index', owner: 'search-team@example.com', ...columns }, members));
  }

  async release(issuance: string, run: string, decision: string): Promise<string> {
    return this.record(
      'token.released',
      { run, issuance, decision, tokenSha256: sha256(issuance), tokenJti: 'jti1' },
      { ...through, resource, decision: decisionOf(decision) },
    );
  }

  /** A run for ada that obtained a token and was given it three times; another run got it too. */
  async story() {
    const ada = await this.world.runs.personOf({ name: 'ada@example.com', commitment: 'sha256:cc', salt: randomBytes(16) });
    const run = await this.world.running({ operator: ada.commitment });
    const other = await this.world.running();
    const issuance = await this.world.issuance({ run, isolation: 'workflow', tokenJti: 'jti1' });
    const decisions = [identifier('dec'), identifier('dec')] as const;
    const requested = await this.record(
      'token.requested',
      { run, issuance, decision: decisions[0] },
      { ...through, resource, decision: decisionOf(decisions[0]) },
    );
    const issued = await this.record('token.issued', { run, issuance, tokenSha256: sha256(issuance) }, through);
    const releases = [
      await this.release(issuance, run, decisions[0]),
      await this.release(issuance, run, decisions[0]),
      await this.release(issuance, run, decisions[1]),
    ];
    const elsewhere = await this.release(issuance, other, identifier('dec'));
    const [started] = (await this.world.rows(`select id from entry where type = 'run.started' and run = $1`, run)).map((row) =>
      String(row.id),
    );
    return { run, other, issuance, decisions, requested, issued, releases, elsewhere, started };
  }
}
