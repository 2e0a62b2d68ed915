import { setTimeout as wait } from 'node:timers/promises';
import type { Received } from '../crash/agents.js';
import { Witness } from '../crash/witness.js';
import { stopEverything } from '../proofs/record.js';
import type { ScaledWorld } from './scaled-world.js';

/** Milliseconds: from the deadline of an intent to when somebody has closed it. */
const PATIENCE = 40_000;
const OPEN = `select count(*)::int as open from issuance where state = 'open'`;

/** What the crash tier's witness says of what agents received, the record and the authorization server's own list, when all is quiet. */
export class Testimony {
  readonly #witness: Witness;

  constructor(private readonly world: ScaledWorld) {
    this.#witness = new Witness(world);
  }

  /** Everything is stopped meanwhile: what is renewed while the record is read would stand in the server's list alone. */
  async of(received: readonly Received[]): Promise<{ readonly findings: readonly string[]; readonly issued: number }> {
    const { lift } = await stopEverything(this.world.replica(0));
    for (const until = performance.now() + PATIENCE; performance.now() < until; await wait(250)) {
      const [row] = await this.world.postgres.ask(OPEN, this.world.database);
      if (row?.['open'] === 0) break;
    }
    const { findings } = await this.#witness.examine(this.world.replica(0), { received });
    await lift();
    return { findings: findings.slice(0, 10), issued: (await this.world.authorizationServer.issued()).length };
  }
}
