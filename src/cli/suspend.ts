import { Argument, InvalidArgumentError } from 'commander';
import { z } from 'zod';
import { suspensionKinds, type SuspensionKind } from '../suspensions/suspension.js';
import { UsageWrong } from './command-failed.js';
import { corridor, show, type Register } from './command.js';
import { drill, type DrillOptions } from './drill.js';
import { exposedPage, printExposed } from './exposed-tokens.js';

const raised = exposedPage.loose().extend({
  id: z.string(),
  kind: z.string(),
  raised_at: z.string(),
  epoch: z.string(),
  covers: z.object({ runs: z.number() }).optional(),
});
const lifted = z.looseObject({ id: z.string(), kind: z.string(), lifted_at: z.string() });

interface Suspend extends DrillOptions {
  reason?: string;
  expires?: string;
  drill?: boolean;
}

/** corridor suspend, resume */
export const registerSuspend: Register = (program, surroundings) => {
  program
    .command('suspend')
    .description('stop runs, or what they use, at once')
    .addArgument(new Argument('[kind]', 'what to stop').choices(suspensionKinds))
    .argument('[id]', 'which one; none for everything')
    .option('--reason <text>', 'why; it stands in the record')
    .option('--expires <time>', 'RFC 3339; it lifts itself then')
    .option('--drill', 'stop nothing but a run made for it, measure how long that takes, and record it')
    .option('--replica <url>', 'of a drill: measure here (may be repeated)', collectUrl)
    .option('--workflow <workflow>', 'of a drill: whose run to make; the first by name otherwise')
    .option('--json', 'for programs')
    .action(async (kind: SuspensionKind | undefined, id: string | undefined, options: Suspend) => {
      if (options.drill) {
        if (kind !== undefined) throw new UsageWrong('a drill stops a run of its own and nothing else: corridor suspend --drill');
        return drill(await corridor(surroundings), options, surroundings);
      }
      if (kind === undefined) throw new UsageWrong(`say what to stop: ${suspensionKinds.join(', ')}`);
      if (options.reason === undefined) throw new UsageWrong('say why with --reason: it stands in the record');
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
        const runs = suspension.covers === undefined ? '' : ` It covers ${suspension.covers.runs} active runs.`;
        return [
          `${suspension.id}: ${kind} ${id ?? ''}`.trimEnd() + ` stopped at ${suspension.raised_at}, epoch ${suspension.epoch}.${runs}`,
          printExposed(suspension),
          `See what is left with: corridor suspensions ${suspension.id}`,
          `Lift it with: corridor resume ${suspension.id}`,
        ].join('\n');
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
};

function collectUrl(text: string, before: readonly string[] = []): readonly string[] {
  if (!/^https?:\/\//.test(text) || !URL.canParse(text)) throw new InvalidArgumentError('a replica is given by its http or https URL');
  return [...before, text.replace(/\/+$/, '')];
}
