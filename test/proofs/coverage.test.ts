import fc from 'fast-check';
import type { Catalogue, Client, Resource, Workflow } from '../../src/catalogue/catalogue.js';
import { declared } from '../../src/catalogue/look-up.js';
import { suspended } from '../../src/issuance/load-context.js';
import { maxAncestors } from '../../src/runs/run.js';
import type { Database } from '../../src/store/database.js';
import { namesRuns, suspensionKinds, type StoppableRun, type SuspensionKind } from '../../src/suspensions/suspension.js';
import { databases } from '../store/both-databases.js';
import { catalogue as sample, catalogueChange, suspension } from '../store/fact-change-samples.js';
import { World } from '../store/world.js';

const few = (prefix: string) => fc.constantFrom(`${prefix}1`, `${prefix}2`);
const some = (prefix: string) => fc.uniqueArray(few(prefix), { minLength: 1 });

/** What each client serves, which server each resource trusts, and who owns each workflow. */
const catalogues = fc
  .record({
    clients: fc.tuple(...[1, 2].map(() => fc.record({ workflows: some('workflow'), resources: some('resource') }))),
    servers: fc.tuple(few('server'), few('server')),
    owners: fc.tuple(few('owner'), few('owner')),
  })
  // at most one client serves a workflow and a resource
  .filter(
    ({ clients: [one, two] }) =>
      one?.workflows.some((workflow) => two?.workflows.includes(workflow)) !== true ||
      one.resources.some((resource) => two?.resources.includes(resource)) !== true,
  )
  .map(({ clients, servers, owners }): Catalogue => {
    const workflow = (owner: string, n: number): Workflow => ({ id: `workflow${n + 1}`, owner, purposes: [], maxRunTtl: 3600, labels: {} });
    const resource = (authorizationServer: string, n: number): Resource => ({
      ...(sample.resources['crm'] as Resource),
      id: `resource${n + 1}`,
      uri: `https://resource${n + 1}.example/`,
      authorizationServer,
    });
    const client = (serves: Pick<Client, 'workflows' | 'resources'>, n: number): Client => ({
      ...(sample.clients['indexer'] as Client),
      id: `client${n + 1}`,
      ...serves,
    });
    return {
      ...sample,
      workflows: byId(owners.map(workflow)),
      resources: byId(servers.map(resource)),
      clients: byId(clients.map(client)),
    };
  });

function byId<T extends { readonly id: string }>(entries: readonly T[]): Record<string, T> {
  return Object.fromEntries(entries.map((entry) => [entry.id, entry]));
}

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

type Forest = typeof forest extends fc.Arbitrary<infer T> ? T : never;

interface Planted extends StoppableRun {
  readonly lineage: readonly number[];
}

interface Token {
  readonly id: string;
  readonly holders: readonly number[];
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
  }, 60_000);
  afterAll(() => database.close());

  async function plant(wished: Forest['runs']): Promise<readonly Planted[]> {
    await world.rows('truncate run, issuance, entry, suspension, suspension_exposure, work');
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
    return planted;
  }

  async function issue(tokens: Forest['tokens'], planted: readonly Planted[]): Promise<readonly Token[]> {
    const issued: Token[] = [];
    for (const { run, isolation, releasedTo, server, client, resource } of tokens) {
      const id = await world.issuance({ run: `run${run}`, workflow: planted[run]?.workflow ?? '', isolation, client, resource });
      await world.rows('update issuance set authorization_server = $2 where id = $1', id, server);
      const sharers = isolation === 'workflow' ? releasedTo : [];
      for (const holder of sharers) await world.released(id, `run${holder}`);
      issued.push({ id, holders: [run, ...sharers], client, resource, server });
    }
    return issued;
  }

  /** Whether the guardrail stops this run from the resource. */
  function isStopped(
    kind: SuspensionKind,
    target: string | null,
    catalogue: Catalogue,
    runs: readonly Planted[],
    resource: string,
  ): boolean {
    const raised = { id: 'sus1', kind, target, reason: '', raisedBy: '', raisedAt: 0, expiresAt: null, liftedAt: null };
    return suspended({ catalogue, suspensions: [raised] }, runs, declared(catalogue.resources, resource), 1) !== null;
  }

  it('is what the guardrail stops its holders from, and what came through what is stopped', async () => {
    await fc.assert(
      fc.asyncProperty(forest, catalogues, async ({ runs: wished, tokens }, catalogue) => {
        const planted = await plant(wished);
        await world.change(catalogueChange(catalogue));
        const issued = await issue(tokens, planted);
        const lineageOf = (place: number) => (planted[place]?.lineage ?? []).flatMap((member) => planted[member] ?? []);
        for (const kind of suspensionKinds) {
          const target = targetOf(kind);
          const expected = issued.filter(
            ({ holders, resource, client, server }) =>
              (kind === 'client' && client === target) ||
              (kind === 'authorization_server' && server === target) ||
              holders.some((holder) => isStopped(kind, target, catalogue, lineageOf(holder), resource)),
          );
          const rows = await world.rows('select id from issuances_covered($1, $2) order by id', kind, target);
          expect({ kind, covered: rows.map(({ id }) => id) }).toEqual({ kind, covered: expected.map(({ id }) => id).sort() });
          if (!namesRuns(kind)) continue;
          const stopped = planted.filter((_, place) => isStopped(kind, target, catalogue, lineageOf(place), 'resource1'));
          const [row] = await world.rows('select active_runs_covered($1, $2) as runs', kind, target);
          expect({ kind, runs: row?.runs }).toEqual({ kind, runs: stopped.length });
        }
      }),
      { numRuns: 25 },
    );
  }, 120_000);

  it('is withdrawn when it is stopped, and when a later catalogue brings it under what was stopped', async () => {
    await fc.assert(
      fc.asyncProperty(
        forest,
        catalogues,
        catalogues,
        fc.constantFrom(...suspensionKinds),
        async ({ runs: wished, tokens }, first, second, kind) => {
          const planted = await plant(wished);
          await world.change(catalogueChange(first));
          await issue(tokens, planted);
          const covered = async (): Promise<readonly unknown[]> =>
            (await world.rows('select id from issuances_covered($1, $2) order by id', kind, targetOf(kind))).map(({ id }) => id);
          const before = await covered();
          expect(await world.change(suspension(kind, targetOf(kind)))).toMatchObject({ withdrawn: before });
          const changed = await world.change(catalogueChange(second));
          const more = (await covered()).filter((id) => !before.includes(id));
          expect(changed).toMatchObject({ withdrawn: more });
          expect(await world.work()).toEqual([...before, ...more].sort());
        },
      ),
      { numRuns: 15 },
    );
  }, 120_000);
});

function targetOf(kind: SuspensionKind): string | null {
  return kind === 'everything' ? null : kind === 'authorization_server' ? 'server1' : `${kind}1`;
}
