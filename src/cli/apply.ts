import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { CommandFailed } from './command-failed.js';
import { corridor, show, type Register } from './command.js';

const applied = z.looseObject({ revision: z.string().nullable(), plan: z.array(z.string()), applied: z.boolean() });

/** corridor apply: the plan first, then the change, against the revision that it was planned from. */
export const registerApply: Register = (program, surroundings) => {
  program
    .command('apply')
    .description('apply a catalogue')
    .requiredOption('-f, --file <file>', 'the corridor.yaml')
    .option('--dry-run', 'only show what would change')
    .option('--json', 'for programs')
    .action(async (options: { file: string; dryRun?: boolean; json?: boolean }) => {
      const source = await readSource(path.resolve(surroundings.directory, options.file));
      const api = await corridor(surroundings);
      const body = { source, file: options.file };
      const planned = await api.call('POST', '/v1/apply', applied, { body: { ...body, dry_run: true } });
      const done =
        options.dryRun || planned.plan.length === 0
          ? planned
          : await api.call('POST', '/v1/apply', applied, { body: { ...body, dry_run: false, expected_revision: planned.revision } });
      show(surroundings, options.json, done, () => {
        if (planned.plan.length === 0) return 'Nothing to change.';
        const end = done.applied ? `Applied as revision ${done.revision ?? ''}.` : 'Nothing was changed: this was a dry run.';
        return `${planned.plan.join('\n')}\n${end}`;
      });
    });
};

/** Text that is not UTF-8 is refused, since it would be applied as something else. */
async function readSource(file: string): Promise<string> {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(await readFile(file));
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT') throw new CommandFailed(`There is no ${file}: make one with "corridor init".`);
    if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA') throw new CommandFailed(`${file} is not UTF-8.`);
    throw new CommandFailed(`${file} cannot be read${typeof code === 'string' ? ` (${code})` : ''}.`);
  }
}
