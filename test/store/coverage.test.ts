import fc from 'fast-check';
import { maxAncestors } from '../../src/runs/run.js';
import type { Database } from '../../src/store/database.js';
import { covers } from '../../src/suspensions/stops.js';
import { namesRuns, suspensionKinds, type StoppableRun } from '../../src/suspensions/suspension.js';
import { databases } from './both-databases.js';
import { catalogue, catalogueChange } from './fact-change-samples.js';
import { World } from './world.js';

const few = (prefix: string) => fc.constantFrom(`${prefix}1`, `${prefix}2`);
const owners: Readonly<Record<string, string>> = { workflow1: 'owner1', workflow2: 'owner2' };

/** Runs in the order of their start, each with the place of its parent among those before it, or none. */
const forest = fc
  .array(
    fc.record({
      agent: few('agent'),
      workflow: few('workflow'),
      operator: fc.option(few('operator')),
      purpose: few('purpose'),
      runtime: few('runtime'),
      parent: fc.option(fc.nat(7)),
    }),
    { minLength: 1, maxLength: 8 },
  )
  .chain((runs) =>
    fc.record({
      runs: fc.constant(runs),
      tokens: fc.array(
        fc.record({
          run: fc.nat(runs.length - 1),
          client: few('client'),
          resource: few('resource'),
          server: few('server'),
          isolation: fc.constantFrom('run', 'workflow'),
          releasedTo: fc.array(fc.nat(runs.length - 1), { maxLength: 2 }),
        }),
        { minLength: 1, maxLength: 6 },
      ),
    }),
  );

interface Planted extends StoppableRun {
  readonly lineage: readonly number[];
}

interface Token {
  readonly client: string;
  readonly resource: string;
  readonly server: string;
}

describe.each(databases)('what a suspension covers, on %s', (_name, open) => {
  let database: Database;
  let world: World;
  beforeAll(async () => {
    database = await open();
    world = await World.empty(database);
    const workflow = { id: '', owner: '', purposes: [], maxRunTtl: 3600, labels: {} };
    const workflows = Object.fromEntries(Object.entries(owners).map(([id, owner]) => [id, { ...workflow, id, owner }]));
    await world.change(catalogueChange({ ...catalogue, workflows }));
  }, 60_000);
  afterAll(() => database.close());

  it('is the same for the guardrail and for what is withdrawn', async () => {
    await fc.assert(
      fc.asyncProperty(forest, async ({ runs: wished, tokens }) => {
        await world.rows('truncate run, issuance, entry');
        const planted: Planted[] = [];
        for (const [place, { parent, agent, operator, ...run }] of wished.entries()) {
          const above = parent === null || parent >= place ? [] : (planted[parent]?.lineage ?? []);
          const lineage = [place, ...(above.length > maxAncestors ? [] : above)];
          planted.push({
            ...run,
            id: `run${place}`,
            agent: { name: agent },
            operator: operator === null ? null : { commitment: operator },
            lineage,
          });
        }
        await world.rows(
          `insert into run (id, runtime, workflow, purpose, operator, agent, lineage, credential, credential_id, started_at, expires_at)
           select r.id, r.runtime, r.workflow, r.purpose, r.operator ->> 'commitment', r.agent,
             array(select 'run' || l from jsonb_array_elements_text(r.lineage) with ordinality as l (l, o) order by o), '{}', 'cre1', now(), now() + interval '1 h'
           from jsonb_to_recordset($1::jsonb) as r (id text, runtime text, workflow text, purpose text, operator jsonb, agent jsonb, lineage jsonb)`,
          JSON.stringify(planted),
        );
        const issued: (Token & { id: string; holders: readonly number[] })[] = [];
        for (const { run, isolation, releasedTo, server, client, resource } of tokens) {
          const id = await world.issuance({ run: `run${run}`, workflow: planted[run]?.workflow ?? '', isolation, client, resource });
          await world.rows('update issuance set authorization_server = $2 where id = $1', id, server);
          const sharers = isolation === 'workflow' ? releasedTo : [];
          for (const holder of sharers) await world.released(id, `run${holder}`);
          issued.push({ id, holders: [run, ...sharers], client, resource, server });
        }
        const whatOf = (holder: number, { client, resource, server }: Token) => {
          const runs = (planted[holder]?.lineage ?? []).flatMap((place) => planted[place] ?? []);
          const owned = runs.flatMap(({ workflow }) => owners[workflow] ?? []);
          return { runs, owners: owned, clients: [client], resource, authorizationServer: server };
        };
        for (const kind of suspensionKinds) {
          const target = kind === 'everything' ? null : kind === 'authorization_server' ? 'server1' : `${kind}1`;
          const expected = issued.filter((one) => one.holders.some((holder) => covers({ kind, target }, whatOf(holder, one))));
          const rows = await world.rows('select id from issuances_covered($1, $2) order by id', kind, target);
          expect({ kind, covered: rows.map(({ id }) => id) }).toEqual({ kind, covered: expected.map(({ id }) => id).sort() });
          if (!namesRuns(kind)) continue;
          const stopped = planted.filter((_, place) => covers({ kind, target }, whatOf(place, { client: '', resource: '', server: '' })));
          const [row] = await world.rows('select active_runs_covered($1, $2) as runs', kind, target);
          expect({ kind, runs: row?.runs }).toEqual({ kind, runs: stopped.length });
        }
      }),
      { numRuns: 20 },
    );
  }, 60_000);
});
