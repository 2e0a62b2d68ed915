import type { FaultLog } from './access/fault-log.js';
import type { ActivatePolicy } from './issuance/activate-policy.js';
import type { Journal } from './platform/journal.js';
import { PolicyDirectoryInvalid, readPolicyDirectory } from './platform/policy-directory.js';
import { PolicyWatch } from './platform/policy-watch.js';

/** The policy directory, activated at the start and whenever it has changed; what is refused is said aloud, once. */
export class WatchedPolicy {
  readonly #watch: PolicyWatch;
  #said = '';

  constructor(
    private readonly activatePolicy: ActivatePolicy,
    private readonly directory: string,
    private readonly journal: Journal,
    private readonly faultLog: FaultLog,
  ) {
    this.#watch = new PolicyWatch(
      directory,
      () => this.#offer(),
      (error) => faultLog.write(error),
    );
  }

  async start(): Promise<void> {
    await this.#offer();
    this.#watch.start();
  }

  async stop(): Promise<void> {
    await this.#watch.stop();
  }

  /** A policy that does not pass its gates is refused, and the one that is active stays. */
  async #offer(): Promise<void> {
    try {
      const activated = await this.activatePolicy.activate(await readPolicyDirectory(this.directory), 'policy directory');
      if (!activated.ok) this.#say('policy_refused', { diagnostics: activated.diagnostics });
      else if (activated.changed) this.#announce(activated.revision, activated.tests);
      if (activated.ok) this.#said = '';
    } catch (error) {
      const known = error instanceof PolicyDirectoryInvalid;
      if (!known) this.faultLog.write(error);
      this.#say('policy_refused', { message: known ? error.message : 'the policy could not be examined' });
    }
    await this.loadActive();
  }

  /** What another replica activated is loaded here too. */
  async loadActive(): Promise<void> {
    if ((await this.activatePolicy.loadActive()) !== null) return;
    this.#say('no_policy', {
      effect: 'every request is denied',
      do: `put a policy that passes "corridor policy test" into ${this.directory}`,
    });
  }

  #announce(revision: string, tests: number | null): void {
    this.journal.note('info', 'policy_activated', { revision, ...(tests === null ? {} : { tests }) });
  }

  #say(event: string, members: Readonly<Record<string, unknown>>): void {
    const text = JSON.stringify([event, members]);
    if (this.#said.includes(text)) return;
    this.#said += text;
    this.journal.note('error', event, { directory: this.directory, ...members });
  }
}
