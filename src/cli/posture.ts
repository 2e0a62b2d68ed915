import { z } from 'zod';
import { corridor, show, table, type Register } from './command.js';

const posture = z.object({
  findings: z.array(z.looseObject({ code: z.string(), severity: z.string(), subject: z.string(), message: z.string() })),
});

/** corridor posture: what could be better, the warnings first. */
export const registerPosture: Register = (program, surroundings) => {
  program
    .command('posture')
    .description('the failure modes that this system exists against, as they stand here')
    .option('--json', 'for programs')
    .action(async (options: { json?: boolean }) => {
      const { findings } = await (await corridor(surroundings)).call('GET', '/v1/posture', posture);
      show(surroundings, options.json, findings, () =>
        findings.length === 0
          ? 'Nothing to find fault with.'
          : table(findings.map(({ severity, code, subject, message }) => [severity, code, subject, message])),
      );
    });
};
