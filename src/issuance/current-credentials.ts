import { sameEpoch, type Epoch } from '../attribution/epoch.js';
import { CredentialStore, type Credential } from '../credentials/credential.js';
import type { FactsSource } from './facts.js';

/** Credentials in use, opened once for each epoch of the facts: a new version is a change of facts. */
export class CurrentCredentials extends CredentialStore {
  #epoch: Epoch | null = null;
  readonly #current = new Map<string, Promise<Credential | null>>();
  readonly #other = new Map<string, Promise<Credential | null>>();

  constructor(
    private readonly store: CredentialStore,
    private readonly facts: FactsSource,
  ) {
    super();
  }

  current(client: string): Promise<Credential | null> {
    return this.#find(this.#current, client, () => this.store.current(client));
  }

  other(client: string): Promise<Credential | null> {
    return this.#find(this.#other, client, () => this.store.other(client));
  }

  issuerOf(credential: string): Promise<string | null> {
    return this.store.issuerOf(credential);
  }

  async bind(credential: string, tokenEndpointOrigin: string): Promise<string> {
    const bound = await this.store.bind(credential, tokenEndpointOrigin);
    this.#forget();
    return bound;
  }

  async #find(
    known: Map<string, Promise<Credential | null>>,
    client: string,
    read: () => Promise<Credential | null>,
  ): Promise<Credential | null> {
    const { epoch } = await this.facts.current();
    if (this.#epoch === null || !sameEpoch(this.#epoch, epoch)) {
      this.#epoch = epoch;
      this.#forget();
    }
    const found = known.get(client);
    if (found !== undefined) return found;
    const reading = read();
    known.set(client, reading);
    reading.catch(() => known.delete(client));
    return reading;
  }

  #forget(): void {
    this.#current.clear();
    this.#other.clear();
  }
}
