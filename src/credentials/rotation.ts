/**
 * registering: its operator is to tell the server of the new key. proving: tokens are asked for with it until one comes. overlap: it
 * is in use, and the one before it still known to the server.
 * done; failed: the old one stays in use, and somebody must look; cancelled, by an operator; superseded, by a newer version or
 * catalogue.
 */
export const rotationStates = ['registering', 'proving', 'overlap', 'done', 'failed', 'cancelled', 'superseded'] as const;
export type RotationState = (typeof rotationStates)[number];

/** A new version of a client's credential on its way into use (DESIGN §8). Times in milliseconds since 1970. */
export interface Rotation {
  readonly id: string;
  readonly client: string;
  /** The new version, and the one that it is to replace. */
  readonly credential: string;
  readonly replaces: string;
  readonly state: RotationState;
  readonly begunBy: string;
  readonly begunAt: number;
  /** When its next step is due; nothing while it waits for its operator. */
  readonly dueAt: number | null;
  /** When it fails unless the new version is proven; null before and after that. */
  readonly deadline: number | null;
  /** How often a token was asked for with it. */
  readonly attempts: number;
  readonly lastAttemptAt: number | null;
  /** Why the last attempt brought no proof, or why it failed. */
  readonly fault: string | null;
  readonly endedAt: number | null;
}

/** A rotation whose next step is to be taken. */
export interface DueRotation extends Rotation {
  /** Whether its deadline is over. */
  readonly late: boolean;
}

/**
 * Rotations as rows. Their steps are changes of facts (FactChanges, `rotation.…`); what is written here is when to try again.
 *
 * open gives the one of a client that is under way, or null; latest the newest of each client, whatever became of it.
 * takeDue gives each that is due to one caller and counts an attempt; one whose caller died comes again after `againIn` milliseconds. One
 * that was given up is not due.
 * postpone notes why there was no proof, and when it is due again, in milliseconds from now. It MUST leave a rotation alone that is not
 * being proven any more: the time of its next step is how long the old version stays known.
 */
export abstract class Rotations {
  abstract open(client: string): Promise<Rotation | null>;
  abstract latest(): Promise<readonly Rotation[]>;
  abstract takeDue(limit: number, againIn: number): Promise<readonly DueRotation[]>;
  abstract postpone(rotation: string, fault: string, dueIn: number): Promise<void>;
}
