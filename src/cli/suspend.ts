import { Argument } from 'commander';
import { z } from 'zod';
import { suspensionKinds, type SuspensionKind } from '../suspensions/suspension.js';
import { UsageWrong } from './command-failed.js';
import { corridor, show, table, type Register } from './command.js';

const exposed = z.object({
  issuance: z.string(),
  run: z.string(),
  resource: z.string(),
  expires_at: z.string(),
  revocation: z.enum(['pending', 'revoked', 'unsupported']),
});
const raised = z.looseObject({
  id: z.string(),
  kind: z.string(),
  target: z.string().optional(),
  epoch: z.string(),
  exposure: z.array(exposed),
});
const inForce = z.object({
  suspensions: z.array(
    z.looseObject({
      id: z.string(),
      kind: z.string(),
      target: z.string().optional(),
      raised_at: z.string(),
      raised_by: z.string(),
      reason: z.string(),
      expires_at: z.string().nullable(),
    }),
  ),
});
const lifted = z.looseObject({ id: z.string(), kind: z.string(), lifted_at: z.string() });

interface Suspend {
  reason: string;
  expires?: string;
  json?: boolean;
}

/** corridor suspend, resume, suspensions */
export const registerSuspend: Register = (program, surroundings) => {
  program
    .command('suspend')
    .description('stop a run, workflow, client, resource, or everything, at once')
    .addArgument(new Argument('<kind>', 'what to stop').choices(suspensionKinds))
    .argument('[id]', 'which one; none for everything')
    .requiredOption('--reason <text>', 'why; it stands in the record')
    .option('--expires <time>', 'RFC 3339; it lifts itself then')
    .option('--json', 'for programs')
    .action(async (kind: SuspensionKind, id: string | undefined, options: Suspend) => {
      if ((kind === 'everything') !== (id === undefined)) {
        throw new UsageWrong(
          kind === 'everything' ? 'everything takes no id' : `say which ${kind}: corridor suspend ${kind} <id> --reason …`,
        );
      }
      if (options.expires !== undefined && !z.iso.datetime({ offset: true }).safeParse(options.expires).success) {
        throw new UsageWrong('--expires takes a time as 2026-03-03T13:05:00Z');
      }
      const body = { kind, ...(id === undefined ? {} : { id }), reason: options.reason, expires_at: options.expires ?? null };
      const suspension = await (await corridor(surroundings)).call('POST', '/v1/suspensions', raised, { body });
      show(surroundings, options.json, suspension, () => {
        const rows = suspension.exposure.map((live) => [
          live.issuance,
          live.run,
          live.resource,
          `until ${live.expires_at}`,
          live.revocation,
        ]);
        const live = rows.length === 0 ? 'No token of it is live.' : `Live when it took hold:\n${table(rows)}`;
        return `${suspension.id}: ${id === undefined ? kind : `${kind} ${id}`} stopped at epoch ${suspension.epoch}.\n${live}\nLift it with: corridor resume ${suspension.id}`;
      });
    });

  program
    .command('resume <suspension>')
    .description('lift a suspension')
    .option('--json', 'for programs')
    .action(async (id: string, options: { json?: boolean }) => {
      const suspension = await (await corridor(surroundings)).call('DELETE', `/v1/suspensions/${encodeURIComponent(id)}`, lifted);
      show(surroundings, options.json, suspension, () => `${suspension.id} lifted at ${suspension.lifted_at}`);
    });

  program
    .command('suspensions')
    .description('what is stopped')
    .option('--json', 'for programs')
    .action(async (options: { json?: boolean }) => {
      const { suspensions } = await (await corridor(surroundings)).call('GET', '/v1/suspensions', inForce);
      show(surroundings, options.json, suspensions, () =>
        suspensions.length === 0
          ? 'Nothing is stopped.'
          : table(
              suspensions.map(({ id, kind, target, raised_at: at, raised_by: by, reason, expires_at: until }) => [
                id,
                kind,
                target ?? '',
                at,
                until === null ? 'until lifted' : `until ${until}`,
                `by ${by}`,
                reason,
              ]),
            ),
      );
    });
};
