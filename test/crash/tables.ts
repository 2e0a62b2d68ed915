import path from 'node:path';
import { z } from 'zod';
import { openEmbedded } from '../../src/platform/embedded/open-embedded.js';

const LOOK = `
  select
    (select count(*)::int from issuance where state = 'open') as open,
    (select count(*)::int from issuance i where 1 <> (select count(*) from entry e
      where e.issuance = i.id and e.type in ('token.issued', 'token.refused', 'token.failed', 'token.unknown'))) as "notClosedOnce",
    (select count(*)::int from issuance where revocation = 'revoked' and sealed is not null) as "textsOfRevoked"`;

const looked = z.tuple([z.object({ open: z.number(), notClosedOnce: z.number(), textsOfRevoked: z.number() })]);

/** What stands in the rows themselves, when no Corridor has them open: issuances without an end, with two ends, with texts to spare. */
export async function lookIntoTables(dataDir: string): Promise<z.infer<typeof looked>[0]> {
  const database = await openEmbedded(path.join(dataDir, 'db'));
  try {
    return looked.parse(await database.query(LOOK))[0];
  } finally {
    await database.close();
  }
}
