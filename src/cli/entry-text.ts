import { z } from 'zod';

export const entryShape = z.looseObject({ id: z.string(), type: z.string(), time: z.string() });
type Entry = z.infer<typeof entryShape>;

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
  work: text,
  given_up_by: text,
  retried_by: text,
});

/** One line: when, what, its id, and whatever of it tells the most. */
export function printEntry(one: Entry): string {
  const parsed = story.safeParse(one);
  const told = parsed.success ? parsed.data : {};
  const reasons = told.fault ?? told.decision?.reasons.map(({ code }) => code).join(', ');
  const by = told.applied_by ?? told.given_up_by ?? told.retried_by;
  const parts = [
    told.suspension,
    told.kind && `${told.kind} ${told.target ?? ''}`.trim(),
    told.key && `${told.key} ${told.name ?? ''}`.trim(),
    told.revision?.slice(0, 19),
    told.work,
    by && `by ${by}`,
    told.client && `client ${told.client}`,
    told.workflow,
    told.run,
    told.resource?.id ?? told.resource?.uri,
    told.scope?.requested.join(' '),
    reasons && `(${reasons})`,
  ];
  return `${one.time}  ${one.type.padEnd(18)}  ${one.id}  ${parts.filter(Boolean).join('  ')}`.trimEnd();
}
