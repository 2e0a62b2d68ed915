import { entryOf, identifier, intentOf, outcomeOf, releaseOf, tokenOf, type ActiveRun, type Recording } from '../store/recording.js';
import { World } from '../store/world.js';
import type { Append, EntryColumns } from '../../src/attribution/entry-log.js';
import type { Story } from './story.js';

/** What requests of agents make a database do, by name. */
export type HotPath = Readonly<Record<string, () => Promise<unknown>>>;

const AGENTS = 64;

/** One of them, with what stands in the columns of its entries, as in those of the past. */
interface Agent {
  readonly run: ActiveRun;
  readonly of: { readonly workflow: string; readonly client: string; readonly resource: string; readonly owner: string };
}

interface Holder extends Agent {
  readonly issuance: string;
  readonly tokenSha256: string;
}

/** For agents of whom each has a run and a token. Facts must not change while it is walked. */
export async function hotPathOf(recording: Recording, story: Story): Promise<HotPath> {
  const world = new World(recording.database);
  const epoch = await world.epoch();
  const texts = new Map(story.entries.map(({ type, text }) => [type, text]));
  /** With all columns that it has in truth, and as long a text. */
  const whole = (item: Append, { run, of, issuance, tokenSha256 }: Holder): Append => {
    const { id, type } = item.entry;
    const token = type === 'token.requested' ? {} : { tokenSha256 };
    const columns: EntryColumns = { ...of, ...token, run: run.id, issuance, decision: identifier('dec') };
    const text = (texts.get(type) ?? '').replace(/"id":"ent\w+"/, `"id":"${id}"`);
    return { ...item, epoch: item.epoch === null ? null : epoch, entry: { ...entryOf(type, columns, id), text } };
  };
  const record = async (...items: readonly Append[]): Promise<void> => {
    const verdicts = await recording.verdicts(...items);
    if (verdicts.some((verdict) => verdict !== 'recorded')) throw new Error(verdicts.join());
  };
  const miss = async (agent: Agent): Promise<Holder> => {
    const token = tokenOf({ servedUntil: Date.now() + 3_500_000, jti: null });
    const { workflow, client, resource } = agent.of;
    const intent = intentOf(agent.run, [], { workflow, client, resource });
    const holder = { ...agent, issuance: intent.effect.issuance, tokenSha256: token.sha256 };
    await record(whole({ ...intent, decisionInput: { sha256: token.sha256, sealed: Buffer.alloc(900, 7) } }, holder));
    await record(whole(outcomeOf(holder.issuance, 'issued', token), holder), whole(releaseOf(agent.run, holder.issuance), holder));
    return holder;
  };
  const agents: Holder[] = [];
  for (let place = 0; place < AGENTS; place++) {
    const of = {
      workflow: `workflow${place % 50}`,
      client: `client${place % 50}`,
      resource: `resource${place % 20}`,
      owner: `owner${place % 10}`,
    };
    agents.push(await miss({ run: await recording.run(), of }));
  }
  let turn = 0;
  const next = (): Holder => {
    const agent = agents[turn++ % AGENTS];
    if (agent === undefined) throw new RangeError('there is no agent');
    return agent;
  };
  const release = (agent: Holder): Promise<void> => record(whole(releaseOf(agent.run, agent.issuance), agent));
  return {
    'a cached release': () => release(next()),
    'cached releases of 64 agents at once': () => Promise.all(agents.map(release)),
    'a miss': () => miss(next()),
    'the start of a run, and its end': async () => world.end(await world.running()),
  };
}
