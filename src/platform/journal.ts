import { FaultLog } from '../access/fault-log.js';
import { SecurityLog, type Administered, type SecurityEvent } from '../access/security-log.js';

/** What the operator reads: one JSON line for each thing worth knowing, on standard error. Never on the path of a release. */
export class Journal {
  constructor(private readonly write: (line: string) => void) {}

  note(level: 'info' | 'warning' | 'error', event: string, members: Readonly<Record<string, unknown>> = {}): void {
    this.write(`${JSON.stringify({ time: new Date().toISOString(), level, event, ...members })}\n`);
  }
}

export class JournalSecurityLog extends SecurityLog {
  constructor(private readonly journal: Journal) {
    super();
  }

  write({ event, ...members }: SecurityEvent | Administered): void {
    this.journal.note(event === 'administered' ? 'info' : 'warning', event, members);
  }
}

export class JournalFaultLog extends FaultLog {
  constructor(private readonly journal: Journal) {
    super();
  }

  /** Name, message and place, and the same of its causes; other members may hold what must not be seen. */
  write(error: unknown): void {
    this.journal.note('error', 'fault', { causes: causesOf(error) });
  }
}

function causesOf(error: unknown): readonly unknown[] {
  const causes: unknown[] = [];
  for (let current = error; current instanceof Error && causes.length < 5; current = current.cause) {
    causes.push({ name: current.name, message: current.message, at: current.stack?.split('\n')[1]?.trim() });
  }
  return causes;
}
