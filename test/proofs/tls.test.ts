import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import https from 'node:https';
import os from 'node:os';
import path from 'node:path';
import { json } from 'node:stream/consumers';
import type { TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { createAuthority, type Certified } from '../rig/certificates.js';
import { until } from '../rig/command-line.js';
import { freePort } from '../rig/corridor.js';
import { copyTemplate } from '../rig/template.js';

const root = path.resolve(import.meta.dirname, '../..');
const authority = createAuthority('an authority');

let directory: string;
let dataDir: string;
let port: number;
let child: ChildProcess;
let output = '';

beforeAll(async () => {
  directory = await mkdtemp(path.join(os.tmpdir(), 'corridor-tls-'));
  dataDir = await copyTemplate();
  port = await freePort();
  await put(authority.certify('corridor.test'));
  child = start();
  await until(async () => (await ask('/readyz').catch(() => null))?.status === 200);
}, 60_000);
afterAll(async () => {
  child.kill('SIGKILL');
  for (const one of [directory, dataDir]) await rm(one, { recursive: true, force: true });
});

async function put({ cert, key }: Certified): Promise<void> {
  await writeFile(path.join(directory, 'tls.crt'), cert);
  await writeFile(path.join(directory, 'tls.key'), key, { mode: 0o600 });
}

function start(): ChildProcess {
  const started = spawn(process.execPath, [path.join(root, 'dist/main.js')], {
    cwd: directory,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: process.env['PATH'],
      CORRIDOR_PORT: String(port),
      CORRIDOR_DATA_DIR: dataDir,
      CORRIDOR_POLICIES: path.join(root, 'policies'),
      CORRIDOR_PUBLIC_URL: 'https://corridor.test',
      CORRIDOR_TLS_CERT: 'tls.crt',
      CORRIDOR_TLS_KEY: 'tls.key',
    },
  });
  for (const stream of [started.stdout, started.stderr]) stream?.setEncoding('utf8').on('data', (chunk: string) => (output += chunk));
  return started;
}

async function ask(target: string, agent?: https.Agent) {
  const request = https.get({
    host: '127.0.0.1',
    port,
    path: target,
    ca: authority.cert,
    servername: 'corridor.test',
    agent: agent ?? false,
  });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  const serial = (response.socket as TLSSocket).getPeerCertificate().serialNumber;
  const body = z.record(z.string(), z.unknown()).parse(await json(response));
  return { status: response.statusCode, headers: response.headers, serial, reused: request.reusedSocket, body };
}

describe('a Corridor that ends TLS itself', () => {
  it('serves by https, as itself, and tells browsers never to come otherwise', async () => {
    const { status, headers, body } = await ask('/.well-known/oauth-authorization-server/oauth2');
    expect({ status, issuer: body['issuer'] }).toEqual({ status: 200, issuer: 'https://corridor.test/oauth2' });
    expect(headers['strict-transport-security']).toBe('max-age=31536000');
  });

  it('takes up another pair on SIGHUP without dropping a connection, and keeps it when the next one is no good', async () => {
    const agent = new https.Agent({ keepAlive: true, maxSockets: 1, maxCachedSessions: 0 });
    const before = await ask('/healthz', agent);
    await put(authority.certify('corridor.test'));
    child.kill('SIGHUP');
    await until(() => output.includes('"tls_pair_changed"'));
    expect(await ask('/healthz', agent)).toMatchObject({ status: 200, serial: before.serial, reused: true });
    const after = await ask('/healthz');
    expect(after.serial).not.toBe(before.serial);

    await put(authority.certify('corridor.test', new Date(Date.now() - 1000)));
    child.kill('SIGHUP');
    await until(() => output.includes('"tls_pair_refused"'));
    expect((await ask('/healthz')).serial).toBe(after.serial);
    expect(output).not.toContain((await readFile(path.join(directory, 'tls.key'), 'utf8')).split('\n')[1]);
    agent.destroy();
  });

  it('does not start with such a pair, and stops in order', async () => {
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([0, null]);
    output = '';
    child = start();
    expect(await once(child, 'close')).toEqual([1, null]);
    expect(output).toMatch(/^The certificate in .*tls\.crt ended at \d{4}-.*: put a new one there\.\n$/);
  }, 60_000);
});
