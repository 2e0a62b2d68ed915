/**
 * The version of the facts that decisions rest on: an incarnation (a new one after a restore) and a number that every
 * change of a fact raises. Written `inc01k…:42`.
 */
export interface Epoch {
  readonly incarnation: string;
  readonly number: number;
}

export function printEpoch(epoch: Epoch): string {
  return `${epoch.incarnation}:${epoch.number}`;
}

export function sameEpoch(a: Epoch, b: Epoch): boolean {
  return a.number === b.number && a.incarnation === b.incarnation;
}
