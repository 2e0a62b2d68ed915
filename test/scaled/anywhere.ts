import { z } from 'zod';
import { patiently } from './patience.js';
import { purpose } from './scaled-catalogue.js';
import type { ScaledWorld } from './scaled-world.js';
import { bySecret, type AgentRun, type Surface } from './surface.js';

const started = z.object({ id: z.string(), client_secret: z.string() });

/** A run that is started at one replica, known to all, and started again at another with the same Idempotency-Key. */
export async function repeatElsewhere(
  world: ScaledWorld,
  surface: Surface,
  key: string,
): Promise<{
  readonly sameRun: boolean;
  readonly first: readonly unknown[];
  readonly renewed: readonly unknown[];
  readonly old: readonly unknown[];
}> {
  const start = async (replica: number): Promise<AgentRun> => {
    const response = await fetch(`${world.replica(replica).url}/v1/runs`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', 'idempotency-key': 'the-same' },
      body: JSON.stringify({ workflow: 'index', purpose }),
    });
    const { id, client_secret: secret } = started.parse(await response.json());
    return bySecret(id, secret);
  };
  const everywhere = (run: AgentRun): Promise<readonly unknown[]> =>
    Promise.all([0, 1, 2].map(async (replica) => (await patiently(() => surface.ask(replica, run, 'crm'))).answer?.status));
  const before = await start(0);
  const first = await everywhere(before);
  const after = await start(1);
  return { sameRun: before.id === after.id, first, renewed: await everywhere(after), old: await everywhere(before) };
}
