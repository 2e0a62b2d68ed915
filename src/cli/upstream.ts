import { z } from 'zod';
import { CommandFailed, UsageWrong } from './command-failed.js';
import { corridor, show, table, type Register } from './command.js';
import { printPreview, printResource, resourcePreview, serverPreview } from './upstream-preview-text.js';

const text = z.string().nullable();
const server = z.looseObject({
  id: z.string(),
  issuer: z.string(),
  profile: z.string(),
  metadata: z
    .looseObject({
      source: z.string(),
      usable: z.boolean(),
      token_endpoint: text,
      revocation_endpoint: text,
      jwks_uri: text,
      location: z.string().optional(),
      pinned_at: z.string().optional(),
      approved_by: text.optional(),
      warnings: z.array(z.string()),
    })
    .nullable(),
  read_at: text,
  tried_at: text,
  fault: text,
  metadata_drift: z.array(z.looseObject({ field: z.string(), used: text, offered: text, since: z.string() })),
  offered: z.looseObject({ digest: z.string(), problem: text }).nullable(),
});
type Server = z.infer<typeof server>;
const servers = z.object({ authorization_servers: z.array(server) });
const approved = server.extend({ entry: z.string() });

const route = (id: string, action = '') => `/v1/authorization-servers/${encodeURIComponent(id)}${action}`;

interface Json {
  json?: boolean;
}

/** corridor upstream show|refresh|approve|preview */
export const registerUpstream: Register = (program, surroundings) => {
  const upstream = program.command('upstream').description('authorization servers: what is used of them, and what they offer instead');

  upstream
    .command('show [id]')
    .description('what is in use of a server, from where and since when; all of them without an id')
    .option('--json', 'for programs')
    .action(async (id: string | undefined, { json }: Json) => {
      const api = await corridor(surroundings);
      if (id !== undefined) return show(surroundings, json, await api.call('GET', route(id), server), print);
      const { authorization_servers: all } = await api.call('GET', '/v1/authorization-servers', servers);
      return show(surroundings, json, all, () => (all.length === 0 ? 'The catalogue has no authorization server.' : table(all.map(row))));
    });

  upstream
    .command('refresh <id>')
    .description('read the metadata of a server now, as happens in the background now and then')
    .option('--json', 'for programs')
    .action(async (id: string, { json }: Json) => {
      const read = await (await corridor(surroundings)).call('POST', route(id, '/refresh'), server);
      show(surroundings, json, read, print);
      if (read.fault !== null)
        throw new CommandFailed(`The metadata of ${id} could not be read: ${read.fault}. What was pinned stays in use.`);
    });

  upstream
    .command('approve <id>')
    .description('use what a server offers from now on')
    .requiredOption('--digest <digest>', 'of what is approved, as "corridor upstream show" tells it')
    .option('--json', 'for programs')
    .action(async (id: string, { digest, json }: Json & { digest: string }) => {
      const done = await (await corridor(surroundings)).call('POST', route(id, '/approve'), approved, { body: { digest } });
      show(surroundings, json, done, () => `${print(done)}\nApproved, and recorded as ${done.entry}.`);
    });

  upstream
    .command('preview [issuer]')
    .description('what would be used of a server that is not declared yet, and why; nothing is kept')
    .option('--resource <uri>', 'look at what a resource says of itself (RFC 9728), which is a hint and no more')
    .option('--allow-host <host...>', 'hosts that may be reached by plain http or at a private address')
    .option('--ca <file>', 'whom to trust, as ca in the catalogue: file:… below CORRIDOR_SECRET_DIR of the running Corridor')
    .option('--json', 'for programs')
    .action(async (issuer: string | undefined, options: Json & { resource?: string; allowHost?: string[]; ca?: string }) => {
      const { resource, ca, json } = options;
      if ((issuer === undefined) === (resource === undefined)) throw new UsageWrong('give an issuer, or --resource <uri>');
      const api = await corridor(surroundings);
      const call = { body: { issuer, resource, allow_hosts: options.allowHost ?? [], ca } };
      const path = '/v1/authorization-servers/preview';
      if (issuer === undefined) {
        const said = await api.call('POST', path, resourcePreview, call);
        show(surroundings, json, said, printResource);
        if (said.came !== 'document') throw new CommandFailed('The resource says nothing of itself that can be used.');
        return;
      }
      const preview = await api.call('POST', path, serverPreview, call);
      show(surroundings, json, preview, printPreview);
      if (!preview.usable) throw new CommandFailed('As it stands the server would not be used.');
    });
};

function row({ id, issuer, metadata, metadata_drift: drift, fault }: Server): string[] {
  const state = drift.length > 0 ? 'waits for approval' : metadata === null ? 'not read yet' : metadata.usable ? 'in use' : 'unusable';
  return [id, issuer, state, fault === null ? '' : `last reading failed: ${fault}`];
}

function print({
  id,
  issuer,
  profile,
  metadata,
  read_at: readAt,
  tried_at: triedAt,
  fault,
  metadata_drift: drift,
  offered,
}: Server): string {
  const rows = [
    ['issuer', issuer],
    ['profile', profile],
    ['token endpoint', metadata?.token_endpoint ?? (metadata === null ? 'not read yet' : 'none that may be used')],
    ['revocation', metadata?.revocation_endpoint ?? 'none'],
    ['keys', metadata?.jwks_uri ?? 'none'],
    ['from', metadata?.location ?? (metadata === null ? '-' : 'corridor.yaml')],
    ['since', `${metadata?.pinned_at ?? '-'}${metadata?.approved_by ? `, approved by ${metadata.approved_by}` : ''}`],
    ['last read', `${readAt ?? 'never'}${fault === null ? '' : `; ${triedAt ?? ''}: ${fault}`}`],
    ...(metadata?.warnings ?? []).map((warning) => ['warning', warning]),
  ];
  return [id, table(rows), ...(offered === null ? [] : printDrift(id, drift, offered))].join('\n');
}

function printDrift(id: string, drift: Server['metadata_drift'], { digest, problem }: NonNullable<Server['offered']>): string[] {
  const rows = drift.map(({ field, used, offered }) => [`  ${field}`, used ?? 'none', '->', offered ?? 'none']);
  return [
    `It offers something else since ${drift[0]?.since ?? ''}, which is not used:`,
    table(rows),
    problem === null
      ? `If that is right: corridor upstream approve ${id} --digest ${digest}`
      : `This cannot be used: ${problem}. Change corridor.yaml, or have the server put right.`,
  ];
}
