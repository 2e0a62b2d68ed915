// A whole Corridor in this process, without its HTTP surface: the embedded platform, the starter policy, and a real authorization
// server as a process of its own.
import { randomBytes } from 'node:crypto';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { compose } from '../../dist/app.module.js';
import { readSettings } from '../../dist/config/settings.js';
import { newIdentifier } from '../../dist/oauth/identifier.js';
import { ResourceIndicator } from '../../dist/oauth/resource-indicator.js';
import { Scope } from '../../dist/oauth/scope.js';
import { Secret } from '../../dist/oauth/secret.js';
import { Journal } from '../../dist/platform/journal.js';
import { openPlatform } from '../../dist/platform/open-platform.js';
import { readPolicyDirectory } from '../../dist/platform/policy-directory.js';
import { localRuntime } from '../../dist/runs/start-run.js';

const root = path.resolve(import.meta.dirname, '../..');
const resource = 'https://api.example/';
const scope = Scope.of(['api:read']);
const resources = [ResourceIndicator.parse(resource)];

export const workflows = ['indexing', 'reporting', 'sorting', 'pruning'];
const secret = randomBytes(32).toString('hex');

/** The authorization server of all worlds. */
export async function startAuthorizationServer() {
  const child = spawn(process.execPath, [path.join(root, 'test/rig/oauth-server/main.mjs')], { stdio: ['pipe', 'pipe', 'inherit', 'ipc'] });
  const client = { client_id: 'volume', client_secret: secret, token_endpoint_auth_method: 'client_secret_basic' };
  child.stdin.end(JSON.stringify({ clients: [client], resources: { [resource]: { scopes: ['api:read'], ttl: 3600 } } }));
  const [line] = await once(createInterface(child.stdout), 'line');
  return { issuer: JSON.parse(line).issuer, stop: () => void child.kill() };
}

export class World {
  static async open(issuer) {
    const directory = await mkdtemp(path.join(os.tmpdir(), 'corridor-volume-'));
    const policies = path.join(directory, 'policies');
    await cp(path.join(root, 'policies'), policies, { recursive: true });
    const grants = workflows.map((workflow) => ({ workflow, purpose: 'measuring', resource, scopes: ['api:read'] }));
    await writeFile(path.join(policies, 'data.json'), JSON.stringify({ grants, ceilings: {} }));
    const environment = { CORRIDOR_DATA_DIR: path.join(directory, 'data'), CORRIDOR_CLIENT_VOLUME: secret };
    const settings = readSettings(environment, directory);
    const platform = await openPlatform(settings, environment, new Journal((line) => process.stderr.write(line)));
    const corridor = compose(platform, settings);
    await corridor.facts.initialise(newIdentifier('inc', platform.clock.now(), platform.randomness));
    await corridor.applyCatalogue.apply(catalogue(issuer), 'corridor.yaml', null, 'volume');
    const activated = await corridor.activatePolicy.activate(await readPolicyDirectory(policies), 'volume');
    if (!activated.ok) throw new Error(JSON.stringify(activated));
    return new World(directory, platform, corridor);
  }

  constructor(directory, platform, corridor) {
    Object.assign(this, { directory, platform, corridor, database: platform.database });
  }

  /** A run, with what it authenticates with. */
  async startRun(workflow = workflows[0]) {
    const agent = { name: 'volume', version: '1', model: 'none' };
    const wish = { workflow, purpose: 'measuring', operator: null, agent, ttl: null, parent: null, publicKey: undefined };
    return { ...(await this.corridor.startRun.start(localRuntime, wish, null)), workflow };
  }

  /** A token request as the token endpoint passes it on. */
  release(run) {
    const clientAuthentication = { kind: 'basic', clientId: run.id, secret: run.secret };
    return this.corridor.issueToken.issue({ clientAuthentication, scope, resources, traceparent: null, address: '127.0.0.1' });
  }

  async endRun(run) {
    await this.corridor.endRun.end(await this.corridor.runs.get(run.id), 'volume');
  }

  async close() {
    await this.platform.close();
    await rm(this.directory, { recursive: true, force: true });
  }
}

const catalogue = (issuer) => `
version: 1
time_zone: UTC
authorization_servers:
  upstream: { issuer: '${issuer}', profile: standard, allow_hosts: [127.0.0.1] }
resources:
  api: { uri: '${resource}', authorization_server: upstream, scopes: ['api:read'], max_token_ttl: 1h }
purposes:
  measuring: { description: Find out what volume does }
workflows:
${workflows.map((id) => `  ${id}: { owner: volume@example.com, purposes: [measuring], max_run_ttl: 1h }`).join('\n')}
clients:
  volume:
    client_id: volume
    authorization_server: upstream
    owner: volume@example.com
    workflows: [${workflows.join(', ')}]
    resources: [api]
    method: client_secret_basic
    credential: env:CORRIDOR_CLIENT_VOLUME
    rotate_every: 90d
    max_token_life: 1h
runtimes: {}
`;
