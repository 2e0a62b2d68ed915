/** What a suspension can stop today. */
export const suspensionKinds = ['run', 'workflow', 'client', 'resource', 'everything'] as const;
export type SuspensionKind = (typeof suspensionKinds)[number];

/** The kill switch. `target` is null for `everything`. Times in milliseconds since 1970. */
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
  readonly runs: readonly { readonly id: string; readonly workflow: string }[];
  readonly clients: readonly string[];
  readonly resource: string | null;
}
