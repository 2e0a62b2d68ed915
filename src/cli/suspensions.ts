import { z } from 'zod';
import { corridor, show, table, type Register } from './command.js';
import type { CorridorApi } from './corridor-api.js';
import { exposedPage, printExposed } from './exposed-tokens.js';

const suspension = z.looseObject({
  id: z.string(),
  kind: z.string(),
  target: z.string().optional(),
  reason: z.string(),
  raised_by: z.string(),
  raised_at: z.string(),
  expires_at: z.string().nullable(),
  lifted_by: z.string().optional(),
  lifted_at: z.string().optional(),
});
type Suspension = z.infer<typeof suspension>;
const list = z.object({ suspensions: z.array(suspension) });
const followed = suspension.extend({ epoch: z.string(), ...exposedPage.shape });
type Followed = z.infer<typeof followed>;

interface Options {
  all?: boolean;
  json?: boolean;
}

/** corridor suspensions [<id>] */
export const registerSuspensions: Register = (program, surroundings) => {
  program
    .command('suspensions')
    .description('what is stopped; of one suspension, what became of each token that was live')
    .argument('[suspension]', 'one of them, also one that is over')
    .option('--all', 'those too that are lifted or expired')
    .option('--json', 'for programs')
    .action(async (id: string | undefined, options: Options) => {
      const api = await corridor(surroundings);
      if (id !== undefined) {
        show(surroundings, options.json, await follow(api, id), printFollowed);
        return;
      }
      const { suspensions } = await api.call('GET', `/v1/suspensions${options.all ? '?all=true' : ''}`, list);
      show(surroundings, options.json, suspensions, printList);
    });
};

/** All pages of it as one. */
async function follow(api: CorridorApi, id: string): Promise<Followed> {
  const route = `/v1/suspensions/${encodeURIComponent(id)}`;
  const whole = await api.call('GET', route, followed);
  while (whole.next !== null) {
    const { exposure, next } = await api.call('GET', `${route}?cursor=${whole.next}`, followed);
    whole.exposure.push(...exposure);
    whole.next = next;
  }
  return whole;
}

function printFollowed(one: Followed): string {
  return (
    `${one.id}: ${one.kind} ${one.target ?? ''}`.trimEnd() + `, ${state(one)}\nEpoch ${one.epoch}. ${one.reason}\n${printExposed(one)}`
  );
}

function printList(suspensions: readonly Suspension[]): string {
  if (suspensions.length === 0) return 'Nothing is stopped.';
  return table(suspensions.map((one) => [one.id, one.kind, one.target ?? '', state(one), one.reason]));
}

function state({ raised_at: raisedAt, raised_by: by, expires_at: expires, lifted_at: lifted, lifted_by: lifter }: Suspension): string {
  const end = lifted !== undefined ? `, lifted at ${lifted} by ${lifter ?? 'nobody'}` : expires === null ? '' : `, until ${expires}`;
  return `raised at ${raisedAt} by ${by}${end}`;
}
