import { entryOf, identifier, intentOf, outcomeOf, releaseOf, tokenOf, type ActiveRun, type Recording } from '../store/recording.js';
import { World } from '../store/world.js';
import type { Append, EntryColumns } from '../../src/attribution/entry-log.js';
import type { Story } from './story.js';

/** What requests of agents make a database do, by name. */
export type HotPath = Readonly<Record<string, () => Promise<unknown>>>;

const AGENTS = 64;

interface Agent {
  readonly run: ActiveRun;
  readonly issuance: string;
  readonly tokenSha256: string;
}

/** For agents of whom each has a run and a token. Facts must not change while it is walked. */
export async function hotPathOf(recording: Recording, story: Story): Promise<HotPath> {
  const world = new World(recording.database);
  const epoch = await world.epoch();
  const texts = new Map(story.entries.map(({ type, text }) => [type, text]));
  /** With all columns that a release has, and as long a text. */
  const whole = (item: Append, { run, issuance, tokenSha256 }: Agent): Append => {
    const { id, type, columns } = item.entry;
    const all: EntryColumns = {
      ...columns,
      ...{
        run: run.id,
        workflow: 'nightly-index',
        client: 'indexer',
        resource: 'crm',
        owner: 'search-team',
        issuance,
        decision: identifier('dec'),
      },
      ...(type === 'token.requested' ? {} : { tokenSha256 }),
    };
    const text = (texts.get(type) ?? '').replace(/"id":"ent\w+"/, `"id":"${id}"`);
    return { ...item, epoch: item.epoch === null ? null : epoch, entry: { ...entryOf(type, all, id), text } };
  };
  const record = async (...items: readonly Append[]): Promise<void> => {
    const verdicts = await recording.verdicts(...items);
    if (verdicts.some((verdict) => verdict !== 'recorded')) throw new Error(verdicts.join());
  };
  const miss = async (run: ActiveRun): Promise<Agent> => {
    const token = tokenOf({ servedUntil: Date.now() + 3_500_000, jti: null });
    const intent = intentOf(run);
    const agent = { run, issuance: intent.effect.issuance, tokenSha256: token.sha256 };
    await record(whole({ ...intent, decisionInput: { sha256: token.sha256, sealed: Buffer.alloc(900, 7) } }, agent));
    await record(whole(outcomeOf(agent.issuance, 'issued', token), agent), whole(releaseOf(run, agent.issuance), agent));
    return agent;
  };
  const agents: Agent[] = [];
  for (let agent = 0; agent < AGENTS; agent++) agents.push(await miss(await recording.run()));
  let turn = 0;
  const next = (): Agent => {
    const agent = agents[turn++ % AGENTS];
    if (agent === undefined) throw new RangeError('there is no agent');
    return agent;
  };
  const release = (agent: Agent): Promise<void> => record(whole(releaseOf(agent.run, agent.issuance), agent));
  return {
    'a cached release': () => release(next()),
    'cached releases of 64 agents at once': () => Promise.all(agents.map(release)),
    'a miss': () => miss(next().run),
    'the start of a run, and its end': async () => world.end(await world.running()),
  };
}
