import { Invalid, NotFound } from '../access/errors.js';
import type { Catalogue } from '../catalogue/catalogue.js';
import { declared } from '../catalogue/look-up.js';
import type { RunDirectory } from '../runs/run-directory.js';
import { localRuntime } from '../runs/run.js';
import type { ExposureList } from '../suspensions/exposure.js';
import { namesRuns, type SuspensionKind } from '../suspensions/suspension.js';

/** What is to be stopped, as it is asked for. */
export interface Aim {
  readonly kind: SuspensionKind;
  readonly target: string | null;
}

/**
 * A misspelt name must not pass for a stop. Any agent or operator may come yet. Where `exposure` is given, what left the catalogue is
 * a target as well, for as long as something of it goes on. @throws Invalid, NotFound
 */
export async function requireTarget(
  { kind, target }: Aim,
  catalogue: Catalogue,
  runs: RunDirectory,
  exposure?: ExposureList,
): Promise<void> {
  if (kind === 'everything') {
    if (target !== null) throw new Invalid('target_superfluous', 'everything takes no id');
    return;
  }
  const what = kind.replace('_', ' ');
  if (target === null) throw new Invalid('target_missing', `say which ${what} by its id`);
  if (await exists(kind, target, catalogue, runs)) return;
  if (exposure !== undefined && (await goesOn(kind, target, exposure))) return;
  throw new NotFound('target_unknown', unknown(kind, what));
}

/** Whether a token of it may still work, or a run of it is active. */
async function goesOn(kind: SuspensionKind, target: string, exposure: ExposureList): Promise<boolean> {
  if ((await exposure.live(kind, target, 1)).length > 0) return true;
  return namesRuns(kind) && (await exposure.activeRuns(kind, target)) > 0;
}

async function exists(
  kind: Exclude<SuspensionKind, 'everything'>,
  target: string,
  catalogue: Catalogue,
  runs: RunDirectory,
): Promise<boolean> {
  switch (kind) {
    case 'agent':
    case 'operator':
      return true;
    case 'run':
      return (await runs.get(target)) !== null;
    case 'owner':
      return Object.values(catalogue.workflows).some(({ owner }) => owner === target);
    case 'runtime':
      return target === localRuntime || declared(catalogue.runtimes, target) !== null;
    case 'workflow':
      return declared(catalogue.workflows, target) !== null;
    case 'purpose':
      return declared(catalogue.purposes, target) !== null;
    case 'client':
      return declared(catalogue.clients, target) !== null;
    case 'resource':
      return declared(catalogue.resources, target) !== null;
    case 'authorization_server':
      return declared(catalogue.authorizationServers, target) !== null;
  }
}

function unknown(kind: SuspensionKind, what: string): string {
  return kind === 'owner' ? 'no workflow of the catalogue has this owner' : `there is no ${what} of this id`;
}
