import { z } from 'zod';
import type { RunningCorridor } from '../rig/corridor.js';

const entry = z.looseObject({
  id: z.string(),
  type: z.string(),
  time: z.iso.datetime().transform((time) => Date.parse(time)),
  issuance: z.string().optional(),
  run: z.string().optional(),
  client_id: z.string().optional(),
  resource: z.looseObject({ uri: z.string().optional() }).optional(),
  assertion: z.object({ jti: z.string() }).optional(),
  token: z.looseObject({ sha256: z.string() }).optional(),
  exposed_until: z.iso
    .datetime()
    .transform((time) => Date.parse(time))
    .optional(),
});

/** What an entry says, as far as it is examined. Times in milliseconds since 1970. */
export type RecordedEntry = z.infer<typeof entry>;

const page = z.object({ entries: z.array(entry), next: z.string().nullable() });
const raised = z.object({
  id: z.string(),
  exposure: z.array(z.looseObject({ issuance: z.string() })),
  next: z.string().nullable(),
});

/** The record, or what is of one type, as an auditor reads it, the newest first. */
export async function readRecord(corridor: RunningCorridor, { type }: { type?: string } = {}): Promise<readonly RecordedEntry[]> {
  const entries: RecordedEntry[] = [];
  for (let cursor: string | null = ''; cursor !== null;) {
    const { body } = await corridor.api('GET', `/v1/entries?limit=1000&cursor=${cursor}${type === undefined ? '' : `&type=${type}`}`);
    const read = page.parse(body);
    entries.push(...read.entries);
    cursor = read.next;
  }
  return entries;
}

/** Stops everything: what may still be live is listed, and what can be revoked will be. Gives the issuances, and how to lift it. */
export async function stopEverything(corridor: RunningCorridor): Promise<{ exposed: ReadonlySet<string>; lift: () => Promise<void> }> {
  const { body } = await corridor.api('POST', '/v1/suspensions', { kind: 'everything', reason: 'a drill' });
  const { id, exposure, next } = raised.parse(body);
  const exposed = new Set(exposure.map(({ issuance }) => issuance));
  for (let cursor = next; cursor !== null;) {
    const read = raised.parse((await corridor.api('GET', `/v1/suspensions/${id}?cursor=${cursor}`)).body);
    for (const { issuance } of read.exposure) exposed.add(issuance);
    cursor = read.next;
  }
  return {
    exposed,
    lift: async () => void (await corridor.api('DELETE', `/v1/suspensions/${id}`)),
  };
}
