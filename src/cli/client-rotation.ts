import type { Command } from 'commander';
import { z } from 'zod';
import { UsageWrong } from './command-failed.js';
import { corridor, show, table, type Surroundings } from './command.js';

const rotation = z.looseObject({
  state: z.string(),
  credential: z.string(),
  begun_by: z.string(),
  begun_at: z.string(),
  attempts: z.number(),
  last_attempt_at: z.string().nullable(),
  fault: z.string().nullable(),
  next_step_at: z.string().nullable(),
  proof_until: z.string().nullable(),
  ended_at: z.string().nullable(),
});
type Rotation = z.infer<typeof rotation>;

const shown = z.looseObject({
  id: z.string(),
  client_id: z.string(),
  authorization_server: z.string(),
  owner: z.string(),
  method: z.string(),
  rotates_by_itself: z.boolean(),
  rotation_due_at: z.string().nullable(),
  rotation_overdue: z.boolean(),
  credentials: z.array(z.looseObject({ id: z.string(), kid: z.string().optional(), state: z.string(), created_at: z.string() })),
  rotation: rotation.nullable(),
  findings: z.array(z.looseObject({ severity: z.string(), code: z.string(), message: z.string() })),
});
type Shown = z.infer<typeof shown>;

interface Rotate {
  registered?: boolean;
  cancel?: boolean;
  json?: boolean;
}

/** corridor client show, rotate */
export function registerClientRotation(client: Command, surroundings: Surroundings): void {
  client
    .command('show <client>')
    .description('how a client stands: its credentials, when they are to be replaced, and what came of it')
    .option('--json', 'for programs')
    .action(async (id: string, options: { json?: boolean }) => {
      const found = await (await corridor(surroundings)).call('GET', `/v1/clients/${encodeURIComponent(id)}`, shown);
      show(surroundings, options.json, found, printClient);
    });

  client
    .command('rotate <client>')
    .description('replace its credential: the new one proves itself before it is used, and the old one stays until then')
    .option('--registered', 'its server has been told of the new key')
    .option('--cancel', 'leave the old one in use, and forget the new one')
    .option('--json', 'for programs')
    .action(async (id: string, options: Rotate) => {
      if (options.registered && options.cancel) throw new UsageWrong('give --registered or --cancel, not both');
      const route = `/v1/clients/${encodeURIComponent(id)}/rotation`;
      const api = await corridor(surroundings);
      const step = options.cancel
        ? api.call('DELETE', route, rotation)
        : api.call('POST', options.registered ? `${route}/registered` : route, rotation);
      show(surroundings, options.json, await step, (taken) => printStep(id, taken));
    });
}

function printStep(client: string, { state, credential, proof_until: until }: Rotation): string {
  switch (state) {
    case 'registering':
      return [
        `${credential} was made. Tell the authorization server of its key, beside the one in use:`,
        `  corridor client jwks ${client}`,
        'and when it knows both, go on with:',
        `  corridor client rotate ${client} --registered`,
      ].join('\n');
    case 'cancelled':
      return `${credential} is gone, and the credential before it is in use.`;
    default:
      return `${credential} is being proven${until === null ? '' : `, until ${until} at the latest`}. See: corridor client show ${client}`;
  }
}

function printClient(client: Shown): string {
  const due = client.rotation_due_at ?? 'when it has a credential';
  const how = client.rotates_by_itself ? 'by itself' : 'by hand';
  return [
    `${client.id}: ${client.client_id} at ${client.authorization_server}, ${client.method}, owner ${client.owner}`,
    `rotation: ${how}, due ${due}${client.rotation_overdue ? ' (overdue)' : ''}`,
    ...(client.rotation === null ? [] : [printRotation(client.rotation)]),
    ...(client.credentials.length === 0
      ? []
      : [table(client.credentials.map(({ id, state, created_at: made, kid }) => [state, id, made, kid ?? '']))]),
    ...client.findings.map(({ severity, code, message }) => `${severity} ${code}: ${message}`),
  ].join('\n');
}

function printRotation(one: Rotation): string {
  const parts = [
    `the latest: ${one.state}, begun by ${one.begun_by} at ${one.begun_at}`,
    ...(one.last_attempt_at === null ? [] : [`last checked at ${one.last_attempt_at}${one.fault === null ? '' : ` (${one.fault})`}`]),
    ...(one.next_step_at === null ? [] : [`next step at ${one.next_step_at}`]),
    ...(one.ended_at === null ? [] : [`ended at ${one.ended_at}`]),
  ];
  return parts.join(', ');
}
