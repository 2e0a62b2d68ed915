import { z } from 'zod';
import { traceCandidates } from '../attribution/trace-candidates.js';
import type { TraceQuery } from '../attribution/trace.js';
import { CommandFailed, UsageWrong } from './command-failed.js';
import type { CorridorApi } from './corridor-api.js';
import { corridor, show, type Register } from './command.js';
import { printTraceText, traceShape } from './trace-text.js';

const NOT_FOUND = 2;
const nothing = z.looseObject({ code: z.literal('nothing_found') });
const answer = z.union([nothing, traceShape]);

/** corridor trace <anything>: exit code 0 when something was found, 2 when not. */
export const registerTrace: Register = (program, surroundings) => {
  program
    .command('trace <anything>')
    .description('who, why and under which policy: from a token, its hash, a jti, an id or a log line; - reads standard input')
    .option('--json', 'for programs')
    // a token or its hash may begin with a dash
    .allowUnknownOption()
    .addHelpText('after', '\nOnly the hash of a token is sent. Exit code 2 when nothing is found.')
    .action(async (anything: string, options: { json?: boolean }) => {
      const text = anything === '-' ? await surroundings.readStandardInput() : anything;
      const candidates = traceCandidates(text);
      if (candidates.length === 0)
        throw new UsageWrong('There is nothing to look for: give a token, its hash, a jti, an id or a log line.');
      const api = await corridor(surroundings);
      for (const candidate of candidates) {
        const found = await ask(api, candidate);
        if (found !== null) return show(surroundings, options.json, found, printTraceText);
      }
      throw new CommandFailed('The record holds nothing of this.', NOT_FOUND);
    });
};

/** A token was hashed on this side: only what is no secret is sent, and in the body. */
async function ask(api: CorridorApi, candidate: TraceQuery): Promise<z.infer<typeof traceShape> | null> {
  const found = await api.call('POST', '/v1/trace', answer, { body: { query: candidate.value }, accept: [404] });
  return 'code' in found ? null : found;
}
