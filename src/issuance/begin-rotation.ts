import { Conflict, Invalid, NotFound } from '../access/errors.js';
import type { EntryMaker } from '../attribution/entry.js';
import type { Catalogue, Client } from '../catalogue/catalogue.js';
import { declared } from '../catalogue/look-up.js';
import { planRotation } from '../credentials/plan-rotation.js';
import type { NewCredential } from '../credentials/plan-credentials.js';
import type { Rotation, Rotations } from '../credentials/rotation.js';
import { sealCredential } from '../credentials/seal-credential.js';
import type { CredentialVersion, CredentialVersions } from '../credentials/sealed-credential.js';
import type { Sealer } from '../credentials/sealer.js';
import type { SecretReferences } from '../credentials/secret-references.js';
import type { Clock } from '../oauth/clock.js';
import { newIdentifier, type Randomness } from '../oauth/identifier.js';
import type { ChangeFacts, Planned } from './change-facts.js';
import type { Epoch } from '../attribution/epoch.js';
import type { FactsSource } from './facts.js';
import { credentialMembers, rotationPace } from './rotation-pace.js';

/** `entry` is the one of the step that was taken. */
export interface Recorded {
  readonly entry: string | null;
}

/** Makes the versions that are to replace those in use: by hand, when their time has come, and when a referenced secret has changed. */
export class BeginRotation {
  constructor(
    private readonly facts: FactsSource,
    private readonly changeFacts: ChangeFacts,
    private readonly rotations: Rotations,
    private readonly versions: CredentialVersions,
    private readonly references: SecretReferences,
    private readonly digestKey: Uint8Array,
    private readonly sealer: Sealer,
    private readonly entries: EntryMaker,
    private readonly clock: Clock,
    private readonly randomness: Randomness,
  ) {}

  /** By whoever is named: an operator, `schedule` or `reference`. @throws NotFound, Conflict, Invalid, Unavailable */
  async begin(client: string, by: string): Promise<Rotation & Recorded> {
    const applied = await this.changeFacts.change(async ({ catalogue }, after) => this.#plan(catalogue, client, by, after));
    const begun = await this.rotations.open(client);
    if (begun === null) throw new Conflict('rotation_over', 'the rotation has ended already: look at the client');
    return { ...begun, entry: applied?.entry ?? null };
  }

  /**
   * Those that are due and for which Corridor makes the key, and those of the clients whose reference holds another secret (`changed`). What cannot be begun is given back; it is tried again another time.
   */
  async beginDue(changed: readonly string[]): Promise<readonly Error[]> {
    const failures: Error[] = [];
    for (const [client, by] of await this.#due(changed)) {
      await this.begin(client, by).catch((error: unknown) => {
        if (!(error instanceof Conflict || error instanceof Invalid || error instanceof NotFound)) throw error;
        // another replica was faster, or the reference cannot be used
        if (!(error instanceof Conflict)) failures.push(error);
      });
    }
    return failures;
  }

  async #due(changed: readonly string[]): Promise<readonly (readonly [client: string, by: string])[]> {
    const { catalogue } = await this.facts.latest();
    const [versions, latest] = await Promise.all([this.versions.inUse(), this.rotations.latest()]);
    const now = this.clock.now();
    return Object.values(catalogue.clients).flatMap((client) => {
      const rotation = latest.find((one) => one.client === client.id) ?? null;
      const current = currentOf(client.id, versions);
      if (current === null) return [];
      if (changed.includes(client.id)) return rotation?.endedAt === null && rotation.state === 'overlap' ? [] : [[client.id, 'reference']];
      return client.credential.kind === 'generate' && isDue(client, current, rotation, now) ? [[client.id, 'schedule']] : [];
    });
  }

  async #plan(catalogue: Catalogue, id: string, by: string, after: Epoch): Promise<Planned> {
    const client = declared(catalogue.clients, id);
    if (client === null) throw new NotFound('client_unknown', 'there is no such client');
    const server = declared(catalogue.authorizationServers, client.authorizationServer);
    if (server === null) throw new TypeError('a client of a catalogue names no authorization server of it');
    const inUse = await this.versions.inUse();
    const current = currentOf(id, inUse);
    if (current === null) throw new Conflict('credential_missing', 'the client has no credential that could be replaced');
    requireRoom(client, await this.rotations.open(id));
    const credential = await planRotation({
      client,
      server,
      current,
      bindings: [...inUse, ...(await this.versions.formerBindings())],
      references: this.references,
      digestKey: this.digestKey,
      randomness: this.randomness,
      now: this.clock.now(),
    });
    if (credential === 'unchanged') {
      throw new Conflict(
        'secret_unchanged',
        'have its server issue a new secret and put it where the reference points: it is then taken up by itself',
      );
    }
    if ('code' in credential) throw new Invalid(credential.code, `client ${id}: ${credential.message}`);
    return this.#change(client, credential, by, after);
  }

  #change(client: Client, credential: NewCredential, by: string, after: Epoch): NonNullable<Planned> {
    const rotation = newIdentifier('rot', this.clock.now(), this.randomness);
    const replaces = credential.replaces ?? '';
    const { id, method, issuer, cause, key } = credential;
    const registration = client.credential.kind !== 'generate' ? 'reference' : (client.keyRegistration ?? 'operator');
    const members = {
      client: client.id,
      ...credentialMembers({ id, key }),
      ...{ method, issuer, cause, replaces, rotation, registration, begun_by: by },
    };
    const proofIn = registration === 'operator' ? null : rotationPace.proof;
    return {
      change: { kind: 'rotation.begun', rotation, credential: sealCredential(credential, this.sealer), replaces, begunBy: by, proofIn },
      entries: [this.entries.make('credential.created', after, members, { client: client.id })],
    };
  }
}

export function currentOf(client: string, versions: readonly CredentialVersion[]): CredentialVersion | null {
  return versions.find((version) => version.client === client && version.state === 'current') ?? null;
}

/** After one that failed or was cancelled there is a while in which somebody may look. */
function isDue(client: Client, current: CredentialVersion, rotation: Rotation | null, now: number): boolean {
  if (current.createdAt + client.rotateEvery * 1000 > now) return false;
  if (rotation === null) return true;
  const gaveUp = rotation.state === 'failed' || rotation.state === 'cancelled';
  return rotation.endedAt !== null && (!gaveUp || rotation.endedAt + rotationPace.afterFailure <= now);
}

/** A key of ours is made once; another secret of a reference takes the place of one that is not proven. */
function requireRoom(client: Client, open: Rotation | null): void {
  if (open === null || (client.credential.kind !== 'generate' && open.state !== 'overlap')) return;
  throw new Conflict('rotation_under_way', `a rotation of this client is under way (${open.state}): let it end, or cancel it`);
}
