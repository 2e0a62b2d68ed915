import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import { CommandFailed } from './corridor-api.js';
import { corridor, type Register, type Surroundings } from './command.js';

const entry = z.looseObject({ id: z.string(), type: z.string(), time: z.string() });
type Entry = z.infer<typeof entry>;
const page = z.object({ entries: z.array(entry), next: z.string().nullable() });

interface Options {
  type?: string;
  workflow?: string;
  run?: string;
  since?: string;
  limit: string;
  follow?: boolean;
  json?: boolean;
}

const PAUSE = 1000;

/** corridor entries: the newest entries, the oldest of them first; with --follow also those to come. */
export const registerEntries: Register = (program, surroundings) => {
  program
    .command('entries')
    .description('read the record')
    .option('--type <type>', 'only of this type, as token.released')
    .option('--workflow <workflow>', 'only of this workflow')
    .option('--run <run>', 'only of this run')
    .option('--since <time>', 'RFC 3339, or an age as 15m, 2h, 7d')
    .option('--limit <n>', 'at most so many', '50')
    .option('--follow', 'go on with new entries until interrupted')
    .option('--json', 'one entry a line, as recorded')
    .action(async (options: Options) => {
      const seen = await printNewest(options, surroundings, new Set());
      while (options.follow) {
        await pause(PAUSE);
        await printNewest(options, surroundings, seen);
      }
    });
};

/** Prints what was not seen before, and gives what was seen now. */
async function printNewest(options: Options, surroundings: Surroundings, seen: Set<string>): Promise<Set<string>> {
  const api = await corridor(surroundings);
  const limit = Number(options.limit);
  if (!Number.isInteger(limit) || limit < 1) throw new CommandFailed('--limit must be a whole number above 0');
  const fresh: Entry[] = [];
  let cursor: string | null = null;
  do {
    const wanted = Math.min(limit - fresh.length, 1000);
    const found: z.infer<typeof page> = await api.call('GET', `/v1/entries?${query(options, wanted, cursor)}`, page);
    const unseen = found.entries.filter(({ id }) => !seen.has(id));
    fresh.push(...unseen);
    cursor = unseen.length === found.entries.length ? found.next : null;
  } while (cursor !== null && fresh.length < limit);
  for (const one of fresh.reverse()) {
    seen.add(one.id);
    surroundings.out(options.json ? JSON.stringify(one) : printEntry(one));
  }
  return seen;
}

function query(options: Options, limit: number, cursor: string | null): string {
  const parameters = new URLSearchParams({ limit: String(limit) });
  for (const name of ['type', 'workflow', 'run'] as const) if (options[name] !== undefined) parameters.set(name, options[name]);
  if (options.since !== undefined) parameters.set('since', sinceTime(options.since, Date.now()));
  if (cursor !== null) parameters.set('cursor', cursor);
  return parameters.toString();
}

const UNITS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** RFC 3339, or how long ago. @throws CommandFailed */
export function sinceTime(text: string, now: number): string {
  const age = /^(\d{1,6})([smhd])$/.exec(text);
  const unit = UNITS[age?.[2] ?? ''];
  if (age !== null && unit !== undefined) return new Date(now - Number(age[1]) * unit).toISOString();
  if (Number.isNaN(Date.parse(text))) throw new CommandFailed('--since takes a time as 2026-03-03T13:05:00Z, or an age as 15m, 2h, 7d');
  return new Date(text).toISOString();
}

const text = z.string().optional();
const story = z.looseObject({
  run: text,
  workflow: text,
  client: text,
  resource: z.looseObject({ id: text, uri: text }).optional(),
  scope: z.looseObject({ requested: z.array(z.string()) }).optional(),
  fault: text,
  decision: z.looseObject({ reasons: z.array(z.looseObject({ code: z.string() })) }).optional(),
  suspension: text,
  kind: text,
  target: text,
  key: text,
  name: text,
  revision: text,
  applied_by: text,
});

/** One line: when, what, its id, and whatever of it tells the most. */
function printEntry(one: Entry): string {
  const parsed = story.safeParse(one);
  const told = parsed.success ? parsed.data : {};
  const reasons = told.fault ?? told.decision?.reasons.map(({ code }) => code).join(', ');
  const parts = [
    told.suspension,
    told.kind && `${told.kind} ${told.target ?? ''}`.trim(),
    told.key && `${told.key} ${told.name ?? ''}`.trim(),
    told.revision?.slice(0, 19),
    told.applied_by && `by ${told.applied_by}`,
    told.client && `client ${told.client}`,
    told.workflow,
    told.run,
    told.resource?.id ?? told.resource?.uri,
    told.scope?.requested.join(' '),
    reasons && `(${reasons})`,
  ];
  return `${one.time}  ${one.type.padEnd(18)}  ${one.id}  ${parts.filter(Boolean).join('  ')}`.trimEnd();
}
