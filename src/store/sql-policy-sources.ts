import { z } from 'zod';
import type { PolicySource } from '../policy/policy-compiler.js';
import { PolicySources } from '../policy/policy-sources.js';
import type { Database } from './database.js';

const object = z.record(z.string(), z.unknown());
const row = z.object({ source: z.object({ files: z.record(z.string(), z.string()), data: object, schemas: object }) });

export class SqlPolicySources extends PolicySources {
  constructor(private readonly database: Database) {
    super();
  }

  async source(digest: string): Promise<PolicySource | null> {
    const [first] = await this.database.query('select source from policy_revision where digest = $1', [digest]);
    return first === undefined ? null : row.parse(first).source;
  }
}
