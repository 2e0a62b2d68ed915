import { Conflict, Invalid, NotFound } from '../access/errors.js';
import { byItself, type EntryLog } from '../attribution/entry-log.js';
import type { EntryMaker } from '../attribution/entry.js';
import type { Catalogue, Workflow } from '../catalogue/catalogue.js';
import { declared } from '../catalogue/look-up.js';
import type { EndRun } from '../runs/end-run.js';
import type { RunDirectory } from '../runs/run-directory.js';
import { drillAgent, isDrill, localRuntime, type Run } from '../runs/run.js';
import type { RunStarted, StartRun } from '../runs/start-run.js';
import type { PastSuspensions } from '../suspensions/past-suspensions.js';
import type { FactsSource } from './facts.js';
import type { Suspend } from './suspend.js';

/** What acts in a run that is there to be stopped. */
const agent = { name: drillAgent, version: '1', model: 'none' };
/** Seconds, should nobody finish it. */
const TTL = 120;

export interface StartedDrill extends RunStarted {
  readonly workflow: string;
}

/** What was measured at one replica; milliseconds since the call. `refused` is null when it refused nothing in time. */
export interface ReplicaFigures {
  readonly url: string;
  readonly refused: number | null;
  /** Requests that began after the acknowledgement and were not refused. */
  readonly letThrough: number;
}

export interface DrillFigures {
  readonly suspension: string;
  readonly acknowledged: number;
  readonly replicas: readonly ReplicaFigures[];
}

/**
 * The stop, tried out: a run that nobody needs is started, suspended by whoever measures, and put away. It is given no token, whatever it
 * asks for: a suspended run is refused before it is looked at what it wants, so the refusal can be told without one.
 */
export class Drill {
  constructor(
    private readonly facts: FactsSource,
    private readonly startRun: StartRun,
    private readonly endRun: EndRun,
    private readonly runs: RunDirectory,
    private readonly suspend: Suspend,
    private readonly past: PastSuspensions,
    private readonly log: EntryLog,
    private readonly entries: EntryMaker,
  ) {}

  /** Of the workflow that is named, or else of the first by name. @throws NotFound, Conflict, Unavailable */
  async start(wanted: string | null): Promise<StartedDrill> {
    const { id: workflow, purposes, maxRunTtl } = chosen((await this.facts.latest()).catalogue, wanted);
    const [purpose = ''] = purposes;
    const wish = { workflow, purpose, operator: null, agent, ttl: Math.min(TTL, maxRunTtl), parent: null, publicKey: undefined };
    return { ...(await this.startRun.start(localRuntime, wish, null)), workflow };
  }

  /** Ends the run, lifts its suspension and records what was measured. Gives the entry's id. @throws NotFound, Invalid, Unavailable */
  async finish(id: string, figures: DrillFigures, by: string): Promise<string> {
    const run = await this.#drillRun(id);
    const raised = await this.past.find(figures.suspension);
    if (raised?.kind !== 'run' || raised.target !== run.id) throw new Invalid('suspension_of_another', 'this is no suspension of the run');
    await this.endRun.end(run, by);
    if (raised.liftedAt === null) await this.suspend.lift(raised.id, by);
    const { epoch } = await this.facts.current();
    const members = {
      run: run.id,
      workflow: run.workflow,
      suspension: raised.id,
      drilled_by: by,
      acknowledged_ms: figures.acknowledged,
      replicas: figures.replicas.map(({ url, refused, letThrough }) => ({ url, refused_ms: refused, let_through: letThrough })),
    };
    const entry = this.entries.make('suspension.drilled', epoch, members, { run: run.id, workflow: run.workflow });
    await this.log.append([byItself(entry)]);
    return entry.id;
  }

  async #drillRun(id: string): Promise<Run> {
    const run = await this.runs.reload(id);
    if (run === null || !isDrill(run)) throw new NotFound('drill_unknown', 'there is no such drill');
    return run;
  }
}

function chosen(catalogue: Catalogue, wanted: string | null): Workflow {
  if (wanted !== null) {
    const workflow = declared(catalogue.workflows, wanted);
    if (workflow === null) throw new NotFound('workflow_unknown', 'there is no workflow of this id');
    return workflow;
  }
  const [first] = Object.keys(catalogue.workflows).sort();
  const workflow = first === undefined ? null : declared(catalogue.workflows, first);
  if (workflow === null) throw new Conflict('no_workflow', 'the catalogue has no workflow, so there is nothing that could be stopped');
  return workflow;
}
