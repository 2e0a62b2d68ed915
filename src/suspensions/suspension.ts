/** What a suspension can stop (DESIGN §2). */
export const suspensionKinds = [
  'run',
  'agent',
  'workflow',
  'owner',
  'operator',
  'purpose',
  'client',
  'resource',
  'runtime',
  'authorization_server',
  'everything',
] as const;
export type SuspensionKind = (typeof suspensionKinds)[number];

/** The kinds that name runs: a run is stopped with whatever descends from it. */
const kindsOfRuns: readonly SuspensionKind[] = ['run', 'agent', 'workflow', 'owner', 'operator', 'purpose', 'runtime', 'everything'];

export function namesRuns(kind: SuspensionKind): boolean {
  return kindsOfRuns.includes(kind);
}

/**
 * The kill switch. `target` is an id; the name of an agent or an owner; the commitment of an operator, who is a person; null for
 * `everything`. Times in milliseconds since 1970.
 */
export interface Suspension {
  readonly id: string;
  readonly kind: SuspensionKind;
  readonly target: string | null;
  readonly reason: string;
  readonly raisedBy: string;
  readonly raisedAt: number;
  readonly expiresAt: number | null;
  readonly liftedAt: number | null;
}

/** What a suspension is held against: one run (with its ancestors) that wants one resource through its clients. */
export interface Stoppable {
  readonly runs: readonly StoppableRun[];
  /** Of the workflows of the runs. */
  readonly owners: readonly string[];
  readonly clients: readonly string[];
  readonly resource: string | null;
  readonly authorizationServer: string | null;
}

export interface StoppableRun {
  readonly id: string;
  readonly agent: { readonly name: string };
  readonly workflow: string;
  readonly operator: { readonly commitment: string } | null;
  readonly purpose: string;
  readonly runtime: string;
}
