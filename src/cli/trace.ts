import { Option } from 'commander';
import { z } from 'zod';
import { candidatesToSend, holdsJwt, jtiCandidates, tokenCandidates } from '../attribution/trace-candidates.js';
import type { TraceQuery } from '../attribution/trace.js';
import { CommandFailed, UsageWrong } from './command-failed.js';
import type { CorridorApi } from './corridor-api.js';
import { corridor, show, type Register } from './command.js';
import { printTraceText, traceShape } from './trace-text.js';

const NOT_FOUND = 2;
const NOTHING = 'The record holds nothing of this.';
const OR_A_JTI = 'A jti is looked for only where it is said to be one: jti=… in the text, or corridor trace --jti <jti>.';
const nothing = z.looseObject({ code: z.literal('nothing_found') });
const answer = z.union([nothing, traceShape]);

interface TraceOptions {
  readonly token?: boolean;
  readonly jti?: boolean;
  readonly json?: boolean;
}

/** corridor trace <anything>: exit code 0 when something was found, 2 when not. */
export const registerTrace: Register = (program, surroundings) => {
  program
    .command('trace <anything>')
    .description('who, why and under which policy: from a token, its hash, a jti, an id or a log line; - reads standard input')
    .addOption(new Option('--token', 'it is a token, even if it looks like a hash').conflicts('jti'))
    .option('--jti', 'it is a jti')
    .option('--json', 'for programs')
    // a token or its hash may begin with a dash
    .allowUnknownOption()
    .addHelpText(
      'after',
      `
Only the hash of a token is sent. What looks like a SHA-256 (64 hex digits, or 43 of base64url) and is not known as a token
is taken for a hash and sent as it is, unless --token is given. A jti is sent where the text says that it is one (jti=…), or with --jti.
Exit code 2 when nothing is found.`,
    )
    .action(async (anything: string, options: TraceOptions) => {
      const text = anything === '-' ? await surroundings.readStandardInput() : anything;
      const candidates = candidatesOf(text, options);
      if (candidates.length === 0)
        throw new UsageWrong('There is nothing to look for: give a token, its hash, a jti, an id or a log line.');
      const api = await corridor(surroundings);
      for (const candidate of candidates) {
        const found = await ask(api, candidate);
        if (found !== null) return show(surroundings, options.json, found, printTraceText);
      }
      throw new CommandFailed(options.token === true || options.jti === true ? NOTHING : `${NOTHING} ${OR_A_JTI}`, NOT_FOUND);
    });
};

function candidatesOf(text: string, { token, jti }: TraceOptions): readonly TraceQuery[] {
  if (token === true) return tokenCandidates(text);
  if (jti !== true) return candidatesToSend(text);
  if (holdsJwt(text)) throw new UsageWrong('This is a token, and no jti: leave --jti out, and only its hash is sent.');
  return jtiCandidates(text);
}

/** A token was hashed on this side: only what is no secret is sent, and in the body. */
async function ask(api: CorridorApi, { by, value }: TraceQuery): Promise<z.infer<typeof traceShape> | null> {
  const query = by === 'jti' ? JSON.stringify({ jti: value }) : value;
  const found = await api.call('POST', '/v1/trace', answer, { body: { query }, accept: [404] });
  return 'code' in found ? null : found;
}
