// What must work through the proxy, whichever replica answers: the main job, the stop, a replica that goes and comes, and the trace.
import { createHash } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';

/** Each replica is asked at least once by so many requests in a row, since the proxy takes them in turn. */
const ALL_ROUND = 4;

/**
 * @param {{ client: import('./client.mjs').Client, screen: import('../../examples/demo/screen.mjs').Screen,
 *   processes: import('./processes.mjs').Processes, replicas: { start(): unknown, child: unknown }[] }} stack
 */
export async function smoke({ client, screen, processes, replicas }) {
  const startRun = (ttl) =>
    client.api(
      'POST',
      '/v1/runs',
      { ...task, agent: { name: 'indexer', version: '1.4.0' }, operator: 'ada@example.com', ttl },
      runtime.key,
    );
  const askAll = async (scope) => {
    const answers = [];
    for (let count = 0; count < ALL_ROUND; count++) answers.push(await client.ask(run, scope));
    return [...new Set(answers.map(({ word }) => word))].join(', ');
  };

  const entriesOf = async ({ id }, type) => (await client.api('GET', `/v1/entries?run=${id}&type=${type}&limit=1000`)).entries;
  /** The processes that have handed tokens to the run. */
  const releasers = async () => new Set((await entriesOf(run, 'token.released')).map(({ instance }) => instance));

  screen.step('A run asks for tokens through the proxy');
  const runtime = await client.api('POST', '/v1/keys', { name: 'ci', roles: ['runtime'], runtime: 'ci' });
  const run = await startRun(900);
  const brief = await startRun(1);
  const first = await client.ask(run, 'crm:read');
  screen.expect('a first', 'a token', first.word);
  screen.expect('and again', 'a token', await askAll('crm:read'));
  screen.expect('too much', 'access_denied', await askAll('crm:write'));
  screen.expect('given', `by ${replicas.length} processes`, `by ${(await releasers()).size} processes`);

  screen.step('Somebody stops the workflow, at one of the replicas');
  const stop = await client.api('POST', '/v1/suspensions', { kind: 'workflow', id: task.workflow, reason: 'a drill', expires_at: null });
  screen.expect('at all', 'access_denied', await askAll('crm:read'));
  await client.api('DELETE', `/v1/suspensions/${stop.id}`);
  screen.expect('lifted', 'a token', await askAll('crm:read'));

  screen.step('A replica goes, and comes back');
  const [replica] = replicas;
  const words = new Set();
  let ending = true;
  const ended = processes.stop(replica.child).finally(() => (ending = false));
  while (ending) {
    words.add(await askAll('crm:read'));
    await wait(100);
  }
  screen.expect('it ends', 'in order', (await ended) ? 'in order' : 'by force');
  words.add(await askAll('crm:read'));
  screen.expect('meanwhile', 'a token', [...words].join(', '));
  replica.child = replica.start();
  const isBack = async () => (await askAll('crm:read')) === 'a token' && (await releasers()).size === replicas.length + 1;
  screen.expect('it is back', 'and asked again', await holds(isBack, 'and asked again'));

  screen.step('What nobody waits for is done by the worker');
  const end = async () => (await entriesOf(brief, 'run.ended')).at(0);
  screen.expect('a run', 'ended at its deadline', await holds(async () => (await end()) !== undefined, 'ended at its deadline'));
  screen.expect('by', 'no replica', (await releasers()).has((await end())?.instance) ? 'a replica' : 'no replica');

  screen.step('An auditor has nothing but the hash of the first token');
  const hash = createHash('sha256')
    .update(first.body.access_token ?? '')
    .digest('hex');
  const { code, printed } = await client.command('trace', hash);
  screen.text(printed);
  screen.expect('leads', `to ${run.id}`, code === 0 && printed.includes(run.id) ? `to ${run.id}` : 'nowhere');
}

const task = { workflow: 'nightly-index', purpose: 'search-indexing' };

/** Within the time that a start may take. */
async function holds(condition, word) {
  for (const deadline = Date.now() + 90_000; Date.now() < deadline; await wait(200)) if (await condition()) return word;
  return 'not within 90 s';
}
