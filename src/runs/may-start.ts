import type { Catalogue } from '../catalogue/catalogue.js';
import { declared } from '../catalogue/look-up.js';
import { localRuntime } from './run.js';

/** Whether this runtime may start runs of this workflow (both by id). */
export function mayStart(catalogue: Catalogue, runtime: string, workflow: string): boolean {
  return runtime === localRuntime || declared(catalogue.runtimes, runtime)?.workflows.includes(workflow) === true;
}
