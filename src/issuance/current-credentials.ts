import { sameEpoch, type Epoch } from '../attribution/epoch.js';
import { CredentialStore, type Credential } from '../credentials/credential.js';
import type { FactsSource } from './facts.js';

/** Credentials in use, opened once for each epoch of the facts: a new version is a change of facts. */
export class CurrentCredentials extends CredentialStore {
  #epoch: Epoch | null = null;
  readonly #current = new Map<string, Promise<Credential | null>>();

  constructor(
    private readonly store: CredentialStore,
    private readonly facts: FactsSource,
  ) {
    super();
  }

  async current(client: string): Promise<Credential | null> {
    const { epoch } = await this.facts.current();
    if (this.#epoch === null || !sameEpoch(this.#epoch, epoch)) {
      this.#epoch = epoch;
      this.#current.clear();
    }
    const known = this.#current.get(client);
    if (known !== undefined) return known;
    const reading = this.store.current(client);
    this.#current.set(client, reading);
    reading.catch(() => this.#current.delete(client));
    return reading;
  }

  async bind(credential: string, tokenEndpointOrigin: string): Promise<string> {
    const bound = await this.store.bind(credential, tokenEndpointOrigin);
    this.#current.clear();
    return bound;
  }
}
