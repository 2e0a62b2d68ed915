import { setTimeout as wait } from 'node:timers/promises';
import type { IssuedToken } from '../rig/authorization-server.js';
import type { RunningCorridor } from '../rig/corridor.js';
import type { Received } from './agents.js';
import type { CrashWorld } from './crash-world.js';
import { examine, type Examined } from './examine.js';
import { readRecord, stopEverything } from '../proofs/record.js';

/** Milliseconds in which what can be revoked must be. */
const PATIENCE = 60_000;

export interface Testimony extends Examined {
  readonly received: number;
  /** Issuances that are listed as exposure when everything is stopped. */
  readonly exposed: number;
}

/** Sees one Corridor after the other die in the same data directory, and what the next one makes of it. */
export class Witness {
  readonly #known = new Set<string>();
  #listed = 0;

  constructor(private readonly world: Pick<CrashWorld, 'authorizationServer'>) {}

  /** Compares both sides of the life that ended, then stops everything: what may be live is listed, and revoked if it can be. */
  async examine(corridor: RunningCorridor, { received }: { readonly received: readonly Received[] }): Promise<Testimony> {
    const record = await readRecord(corridor);
    const ids = new Set(record.map(({ id }) => id));
    const lost = [...this.#known].filter((id) => !ids.has(id));
    const all = await this.world.authorizationServer.issued();
    const issued = all.slice(this.#listed);
    const examined = examine({ issued, received, entries: record.filter(({ id }) => !this.#known.has(id)) });

    const begun = Date.now();
    const { exposed, lift } = await stopEverything(corridor);
    const revoked = new Set(
      (await this.world.authorizationServer.issued())
        .filter(({ revoked_at: at }) => at !== null && at <= begun)
        .map(({ sha256 }) => sha256),
    );
    const unlisted = issued.filter(
      (token) => !revoked.has(token.sha256) && mayLive(token) && !exposed.has(examined.issuanceOf.get(token.sha256) ?? ''),
    );
    const alive = await this.#aliveAfterRevocation(corridor, examined);
    await lift();

    for (const { id } of await readRecord(corridor)) this.#known.add(id);
    this.#listed = all.length;
    const findings = [
      ...examined.findings,
      ...lost.map((id) => `${id} was in the record before and is there no more`),
      ...unlisted.map(({ sha256 }) => `a token that may be live is listed nowhere: ${sha256.slice(0, 8)}`),
      ...alive.map((issuance) => `${issuance} is not revoked, and not said to be beyond that`),
    ];
    return { ...examined, findings, received: received.length, exposed: exposed.size };
  }

  /** Opaque tokens that the record has are dead at their server in the end; of JWTs it says that they cannot be revoked. */
  async #aliveAfterRevocation(corridor: RunningCorridor, { issuanceOf }: Examined): Promise<readonly string[]> {
    for (const until = performance.now() + PATIENCE; ; await wait(200)) {
      const entries = await readRecord(corridor);
      const issuancesOf = (...types: string[]): ReadonlySet<string | undefined> =>
        new Set(entries.filter(({ type }) => types.includes(type)).map(({ issuance }) => issuance));
      const unknown = issuancesOf('token.unknown');
      const settled = issuancesOf('token.revoked', 'token.exposed');
      const alive = (await this.world.authorizationServer.issued()).flatMap((token) => {
        const { sha256, jti, revoked_at } = token;
        const issuance = issuanceOf.get(sha256);
        if (issuance === undefined || unknown.has(issuance) || !mayLive(token)) return [];
        return settled.has(issuance) && (jti !== null || revoked_at !== null) ? [] : [issuance];
      });
      if (alive.length === 0 || performance.now() > until) return alive;
    }
  }
}

/** Whether it has a second to live at least: what is as good as over need not be listed, nor revoked. */
function mayLive({ expires_at: expiresAt }: IssuedToken): boolean {
  return expiresAt > Date.now() + 1_000;
}
