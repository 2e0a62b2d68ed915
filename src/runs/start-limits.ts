import type { Catalogue } from '../catalogue/catalogue.js';

/** How many runs may be started in a minute. */
export interface StartLimits {
  /**
   * Counts a start. Gives what takes it back, for when nothing was started.
   * @throws SlowDown when it is over a limit, and then it does not count
   */
  countStart(runtime: string, workflow: string, catalogue: Catalogue): () => void;
}

/** For the runs that Corridor starts itself, of drills and checks: a flood of others must not keep a stop from being tried. */
export const unlimited: StartLimits = { countStart: () => () => undefined };
