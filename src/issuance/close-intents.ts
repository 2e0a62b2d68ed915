import type { Append, EntryLog } from '../attribution/entry-log.js';
import type { EntryMaker } from '../attribution/entry.js';
import { timestamp } from '../oauth/clock.js';
import type { Retries } from '../work/retries.js';
import type { FactsSource } from './facts.js';
import { whoOf, type IssuanceStore, type OpenIntent } from './issuance-store.js';

const AT_ONCE = 100;

/**
 * Gives intents whose attempt nobody will report on any more their one outcome: unknown (DESIGN §7). What the server may have
 * issued for them is listed as exposure for as long as it can live.
 */
export class CloseIntents {
  constructor(
    private readonly facts: FactsSource,
    private readonly issuances: IssuanceStore,
    private readonly log: EntryLog,
    private readonly entries: EntryMaker,
    private readonly retries: Pick<Retries, 'failed'>,
  ) {}

  /** Closes those past their deadline. Gives whether there may be more. */
  async closeOverdue(): Promise<boolean> {
    const intents = await this.issuances.openPastDeadline(AT_ONCE);
    await this.#close(intents);
    return intents.length === AT_ONCE;
  }

  /** Closes those of every other instance: only for a process that is alone with its database. Gives how many. */
  async closeEarlier(instance: string): Promise<number> {
    const intents = await this.issuances.openOfEarlierInstances(instance);
    for (let from = 0; from < intents.length; from += AT_ONCE) await this.#close(intents.slice(from, from + AT_ONCE));
    return intents.length;
  }

  async #close(intents: readonly OpenIntent[]): Promise<void> {
    if (intents.length === 0) return;
    const { epoch } = await this.facts.current();
    const appends = intents.map((intent): Append => {
      const members = {
        issuance: intent.issuance,
        ...whoOf(intent),
        client: intent.client,
        resource: { id: intent.resource },
        fault: 'outcome_not_reported',
        opened_at: timestamp(intent.openedAt),
        exposed_until: timestamp(intent.exposedUntil),
        ...(intent.assertionJti === null ? {} : { assertion: { jti: intent.assertionJti } }),
      };
      const { client, resource, issuance } = intent;
      return {
        entry: this.entries.make('token.unknown', epoch, members, { ...whoOf(intent), client, resource, issuance }),
        epoch: null,
        run: null,
        effect: { kind: 'outcome', issuance, state: 'unknown', token: null },
        counters: [],
        decisionInput: null,
      };
    });
    const appended = await this.log.append(appends);
    for (const [index, { issuance, deadline }] of intents.entries()) {
      if (appended[index]?.verdict !== 'bad') continue;
      await this.retries.failed({ kind: 'close_intent', subject: issuance, since: deadline }, 'not_recorded');
    }
  }
}
