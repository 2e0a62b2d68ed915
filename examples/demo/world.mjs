// The demo's world: an authorization server, an API and Corridor, each a process of its own on loopback.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { copyFile, cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';
import { parse } from 'yaml';

const root = path.resolve(import.meta.dirname, '../..');
const catalogue = path.join(import.meta.dirname, 'corridor.yaml');

/** Something that a person can put right. */
export class CannotStart extends Error {}

export class World {
  /** @type {import('node:child_process').ChildProcess[]} */
  #children = [];
  #stopped = false;

  async start() {
    this.directory = await mkdtemp(path.join(os.tmpdir(), 'corridor-demo-'));
    this.log = path.join(this.directory, 'corridor.log');
    this.dataDirectory = path.join(this.directory, 'data');
    // the starter policy with the demo's own grants: whatever a reader grants elsewhere, the day goes as it is told
    this.policies = path.join(this.directory, 'policies');
    await cp(path.join(root, 'policies'), this.policies, { recursive: true });
    await copyFile(path.join(import.meta.dirname, 'data.json'), path.join(this.policies, 'data.json'));
    const port = process.env.CORRIDOR_PORT ?? ((await isFree(8420)) ? '8420' : String(await freePort()));
    this.url = `http://127.0.0.1:${port}`;

    // the catalogue names the authorization server, so it must be found exactly there
    const { issuer } = parse(await readFile(catalogue, 'utf8')).authorization_servers.demo;
    const authorizationServerPort = new URL(issuer).port;
    if (!(await isFree(Number(authorizationServerPort)))) {
      throw new CannotStart(`Port ${authorizationServerPort} is in use: free it, or change the issuer in examples/demo/corridor.yaml.`);
    }
    const keys = `${this.url}/oauth2/clients/indexer/jwks`;
    const trust = { issuer, audience: 'https://crm.example/api', scope: 'crm:read' };
    ({ issuer: this.issuer } = await this.#startScript('authorization-server.mjs', { port: authorizationServerPort, 'jwks-uri': keys }));
    ({ url: this.api } = await this.#startScript('api.mjs', trust));
    await this.#startCorridor(port);
    this.adminKey = (await readFile(path.join(this.dataDirectory, 'admin.key'), 'utf8')).trim();
  }

  /** Starts a script of this directory and returns what it says about itself when it is ready. */
  async #startScript(script, options) {
    const words = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]);
    const child = this.#spawn(path.join(import.meta.dirname, script), words, { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] });
    const first = await Promise.race([once(createInterface(child.stdout), 'line'), once(child, 'exit')]);
    if (child.exitCode !== null) throw new CannotStart(`${script} did not start.`);
    return JSON.parse(first[0]);
  }

  async #startCorridor(port) {
    const log = openSync(this.log, 'a');
    const child = this.#spawn(path.join(root, 'dist/main.js'), [], { stdio: ['ignore', log, log], env: this.#environment(port) });
    closeSync(log);
    const metadata = `${this.url}/.well-known/oauth-authorization-server/oauth2`;
    for (const deadline = Date.now() + 60_000; Date.now() < deadline && child.exitCode === null; await wait(100)) {
      if (await isUp(metadata)) return;
    }
    throw new CannotStart(`Corridor did not start. It said:\n${await readFile(this.log, 'utf8')}`);
  }

  /** The embedded platform with a catalogue and a policy, whatever Corridor's variables are outside. */
  #environment(port) {
    const outside = Object.entries(process.env).filter(([name]) => !name.startsWith('CORRIDOR_'));
    return {
      ...Object.fromEntries(outside),
      CORRIDOR_PORT: port,
      CORRIDOR_DATA_DIR: this.dataDirectory,
      CORRIDOR_CONFIG: catalogue,
      CORRIDOR_POLICIES: this.policies,
    };
  }

  #spawn(script, options, how) {
    if (this.#stopped) throw new CannotStart('Interrupted.');
    const child = spawn(process.execPath, [script, ...options], { cwd: root, ...how });
    this.#children.push(child);
    return child;
  }

  /** The `corridor` command against this Corridor: its exit code and what it printed. */
  async command(...words) {
    const env = { ...process.env, CORRIDOR_URL: this.url, CORRIDOR_KEY: this.adminKey };
    const child = this.#spawn(path.join(root, 'dist/cli.js'), words, { stdio: ['ignore', 'pipe', 'inherit'], env });
    let printed = '';
    child.stdout.setEncoding('utf8').on('data', (text) => (printed += text));
    const [code] = await once(child, 'close');
    return { code, printed };
  }

  /** Ends what was started, the last first. */
  async stop({ keepFiles }) {
    this.#stopped = true;
    for (const child of this.#children.reverse()) await end(child);
    if (!keepFiles && this.directory !== undefined) await rm(this.directory, { recursive: true, force: true });
  }
}

async function end(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  const patience = setTimeout(() => child.kill('SIGKILL'), 5_000);
  await ended;
  clearTimeout(patience);
}

async function isUp(url) {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(2_000) })).ok;
  } catch {
    return false;
  }
}

async function isFree(port) {
  const server = net.createServer().listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
    return true;
  } catch {
    return false;
  } finally {
    server.close();
  }
}

async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  return port;
}
