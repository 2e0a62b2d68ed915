import { Option } from 'commander';
import { z } from 'zod';
import { workKinds, workStates } from '../work/owed-work.js';
import { UsageWrong } from './command-failed.js';
import { corridor, show, table, type Register } from './command.js';
import type { CorridorApi } from './corridor-api.js';

const owed = z.looseObject({
  id: z.string().nullable(),
  kind: z.string(),
  subject: z.string(),
  state: z.string(),
  since: z.string(),
  attempts: z.number(),
  last_error: z.string().nullable(),
  next_attempt_at: z.string().nullable(),
  given_up_at: z.string().nullable(),
  workflow: z.string().nullable(),
  client: z.string().nullable(),
  lives_until: z.string().nullable(),
});
const page = z.object({ work: z.array(owed), next: z.string().nullable() });
const changed = z.looseObject({ id: z.string(), kind: z.string(), subject: z.string(), state: z.string(), entry: z.string() });
interface Listed {
  work: z.infer<typeof owed>[];
  more: boolean;
}

interface List {
  kind?: string;
  state?: string;
  limit: string;
  json?: boolean;
}
interface Change {
  reason?: string;
  json?: boolean;
}

const PAGE = 1000;

/** corridor work [retry|give-up] */
export const registerWork: Register = (program, surroundings) => {
  const work = program
    .command('work')
    .description('what is still to be done, the longest owed first: by whom it is tried, how often it was, and what was given up')
    .addOption(new Option('--kind <kind>', 'only of this kind').choices(workKinds))
    .addOption(new Option('--state <state>', 'only in this state').choices(workStates))
    .option('--limit <n>', 'at most so many', '50')
    .option('--json', 'for programs')
    .action(async (options: List) => {
      if (!/^[1-9]\d{0,8}$/.test(options.limit)) throw new UsageWrong('--limit must be a whole number above 0');
      const found = await read(await corridor(surroundings), options);
      show(surroundings, options.json, found, print);
      if (found.more) surroundings.warn(`There is more: these are owed the longest. --limit takes more than ${options.limit}.`);
    });

  work
    .command('retry <work>')
    .description('try it now, with its whole time before it, whether it waits or was given up')
    .option('--reason <text>', 'why; it stands in the record')
    .option('--json', 'for programs')
    .action(async (id: string, { reason, json }: Change) => {
      const route = `/v1/work/${encodeURIComponent(id)}/retry`;
      const body = reason === undefined ? {} : { reason };
      const retried = await (await corridor(surroundings)).call('POST', route, changed, { body });
      show(surroundings, json, retried, ({ kind, subject, entry }) => `${id}: ${kind} of ${subject} is tried anew. Recorded as ${entry}.`);
    });

  work
    .command('give-up <work>')
    .description('try it no more, until somebody says "retry"')
    .option('--reason <text>', 'why; it stands in the record')
    .option('--json', 'for programs')
    .action(async (id: string, { reason, json }: Change) => {
      if (reason === undefined) throw new UsageWrong('say why with --reason: it stands in the record');
      const route = `/v1/work/${encodeURIComponent(id)}/give-up`;
      const givenUp = await (await corridor(surroundings)).call('POST', route, changed, { body: { reason } });
      show(surroundings, json, givenUp, ({ kind, subject, entry }) =>
        [`${id}: ${kind} of ${subject} is given up. Recorded as ${entry}.`, `Take it up again with: corridor work retry ${id}`].join('\n'),
      );
    });
};

async function read(api: CorridorApi, { kind, state, limit }: List): Promise<Listed> {
  const work: Listed['work'] = [];
  let cursor: string | null = null;
  do {
    const query = new URLSearchParams({ limit: String(Math.min(Number(limit) - work.length, PAGE)) });
    if (kind !== undefined) query.set('kind', kind);
    if (state !== undefined) query.set('state', state);
    if (cursor !== null) query.set('cursor', cursor);
    const found: z.infer<typeof page> = await api.call('GET', `/v1/work?${query.toString()}`, page);
    work.push(...found.work);
    cursor = found.next;
  } while (cursor !== null && work.length < Number(limit));
  return { work, more: cursor !== null };
}

function print({ work }: Listed): string {
  if (work.length === 0) return 'Nothing of this is owed.';
  const heads = ['id', 'kind', 'of', 'for', 'since', 'attempts', 'how it stands'];
  const rows = work.map((one) => [
    one.id ?? '-',
    one.kind,
    one.subject,
    one.client ?? one.workflow ?? '-',
    one.since,
    String(one.attempts),
    standing(one),
  ]);
  return table([heads, ...rows]);
}

function standing({
  state,
  last_error: error,
  next_attempt_at: next,
  given_up_at: givenUp,
  lives_until: lives,
}: Listed['work'][number]): string {
  const how =
    state === 'given_up'
      ? `given up at ${givenUp ?? 'an unknown time'}`
      : state === 'waiting'
        ? `waiting, next at ${next ?? 'an unknown time'}`
        : state;
  return [how, ...(error === null ? [] : [`last: ${error}`]), ...(lives === null ? [] : [`token lives until ${lives}`])].join(', ');
}
