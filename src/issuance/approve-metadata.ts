import { Conflict, NotFound } from '../access/errors.js';
import type { EntryMaker } from '../attribution/entry.js';
import type { AuthorizationServer } from '../catalogue/catalogue.js';
import { declared } from '../catalogue/look-up.js';
import { timestamp } from '../oauth/clock.js';
import type { MetadataWatch, OfferedDocument } from '../upstreams/metadata-watch.js';
import { movedBetween } from '../upstreams/server-document.js';
import type { ChangeFacts } from './change-facts.js';
import { newPin, pinMembers, pinOf } from './pin-metadata.js';
import { offerProblem } from './refresh-metadata.js';

/** Takes over the document that a server offers, by the word of somebody who has seen it: no other one. */
export class ApproveMetadata {
  constructor(
    private readonly changeFacts: ChangeFacts,
    private readonly watch: MetadataWatch,
    private readonly entries: EntryMaker,
  ) {}

  /** Gives the entry's id. @throws NotFound, Conflict, Unavailable */
  async approve(id: string, digest: string, by: string): Promise<string> {
    let entry = '';
    await this.changeFacts.change(async (facts, after) => {
      const server = declared(facts.catalogue.authorizationServers, id);
      if (server === null) throw new NotFound('authorization_server_unknown', 'there is no such authorization server in the catalogue');
      const used = pinOf(facts, server);
      const offered = await this.#offered(server);
      if (used === null || offered === null)
        throw new Conflict('nothing_offered', 'nothing waits for approval: what the server publishes is in use');
      if (offered.digest !== digest)
        throw new Conflict('metadata_moved', 'what this server offers is not the document of this digest: look at it again');
      const problem = offerProblem(facts.catalogue, server, offered);
      if (problem !== null) throw new Conflict('metadata_unusable', `this document cannot be used: ${problem}`);
      const pin = newPin(server, offered, by);
      const made = this.entries.make('metadata.approved', after, {
        ...pinMembers(pin),
        replaces: used.digest,
        moved: movedBetween(used.document, offered.document).map((moved) => ({ ...moved })),
        offered_since: timestamp(offered.since),
        approved_by: by,
      });
      entry = made.id;
      return { change: { kind: 'metadata.approved', pin }, entries: [made] };
    });
    return entry;
  }

  async #offered({ id, issuer }: AuthorizationServer): Promise<OfferedDocument | null> {
    const all = await this.watch.all();
    return all.find((one) => one.authorizationServer === id && one.issuer === issuer)?.offered ?? null;
  }
}
