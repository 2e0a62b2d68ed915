import type { Sealer } from '../credentials/sealer.js';
import type { SecretReferences } from '../credentials/secret-references.js';
import type { FaultLog } from '../access/fault-log.js';
import type { Clock } from '../oauth/clock.js';
import type { Randomness } from '../oauth/identifier.js';
import type { PolicyEvaluator } from '../policy/evaluator.js';
import type { ModuleCache } from '../policy/module-cache.js';
import type { PolicyCompiler } from '../policy/policy-compiler.js';
import type { SecurityLog } from '../access/security-log.js';
import type { Database } from '../store/database.js';
import type { LastSeen } from './postgres/last-seen.js';
import type { Shared } from './redis/open-redis.js';
import type { UpstreamHttp } from '../upstreams/upstream-http.js';

/** What Corridor stands on: everything that reaches beyond the process, opened. */
export interface Platform {
  /** Whether this process is alone with its database. */
  readonly embedded: boolean;
  readonly database: Database;
  readonly clock: Clock;
  /** Milliseconds by which this process and the database differ about the time. */
  readonly clockDrift: () => number;
  readonly randomness: Randomness;
  readonly sealer: Sealer;
  readonly digestKey: Uint8Array;
  readonly http: UpstreamHttp;
  readonly references: SecretReferences;
  readonly compiler: PolicyCompiler;
  readonly compilerDigest: string;
  readonly evaluator: PolicyEvaluator;
  readonly moduleCache: ModuleCache;
  readonly securityLog: SecurityLog;
  readonly faultLog: FaultLog;
  /** What was seen of a database that others may restore; null where the database lies in the data directory itself. */
  readonly lastSeen: LastSeen | null;
  /** What the processes over one database share in Redis; null where none is set. */
  readonly shared: Shared | null;
  /** Calls `noticed` whenever another replica may have changed facts; nothing rests on it. Never, where this process is alone. */
  listen(noticed: () => void): void;
  /** Resolves with the reason when the database is lost to this process for good; one that can be reached again is not. */
  readonly lost: Promise<Error>;
  close(): Promise<void>;
}
