import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { z } from 'zod';
import { freePort } from './corridor.js';
import { trusting } from './trusting.js';
import { keycloakCommand } from './keycloak-installation.js';

/** A Keycloak of its own with an empty realm, as a process on loopback. Its database is a file and outlives the process. */
export interface RunningKeycloak {
  /** The realm's. */
  readonly issuer: string;
  /** Asks its administration, below the realm, and gives what it answers; what is no success is thrown. */
  admin(method: string, route: string, body?: unknown): Promise<unknown>;
  /** By SIGKILL. */
  kill(): Promise<void>;
  /** After `kill`, at the same port, with all that it had stored. Resolves when the process is there, long before it answers. */
  startAgain(): void;
  stop(): Promise<void>;
}

const REALM = 'corridor';
/** Milliseconds for a start: 20 s on two cores that have nothing else to do. */
const PATIENCE = 150_000;

/** Its own certificate and the authority of all certificates, in PEM. */
export interface KeycloakTls {
  readonly key: string;
  readonly cert: string;
  readonly ca: string;
}

/** It is at https://localhost, and takes client certificates. */
export async function startKeycloak(home: string, tls: KeycloakTls, say: (line: string) => void): Promise<RunningKeycloak> {
  const directory = await mkdtemp(path.join(os.tmpdir(), 'corridor-keycloak-'));
  const port = await freePort();
  const url = `https://localhost:${port}`;
  for (const [name, pem] of Object.entries(tls)) await writeFile(path.join(directory, `${name}.pem`), String(pem));
  const asked = trusting(tls.ca);
  const secret = randomBytes(24).toString('base64url');
  const start = (): Served => serve(home, directory, port, secret);
  let served = start();
  const stop = async (): Promise<void> => {
    await served.end();
    await rm(directory, { recursive: true, force: true });
  };
  try {
    say(`Keycloak starts at ${url}`);
    await untilReady(served, () => asked.get(`${url}/realms/master`), say);
    const admin = async (method: string, route: string, body?: unknown): Promise<unknown> => {
      const token = await asked.post(`${url}/realms/master/protocol/openid-connect/token`, ['rig', secret], {
        grant_type: 'client_credentials',
      });
      return asked.json(method, `${url}/admin/realms${route}`, z.object({ access_token: z.string() }).parse(token).access_token, body);
    };
    await admin('POST', '', { realm: REALM, enabled: true, sslRequired: 'none' });
    return {
      issuer: `${url}/realms/${REALM}`,
      admin: (method, route, body) => admin(method, `/${REALM}${route}`, body),
      kill: () => served.end(),
      startAgain: () => void (served = start()),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

interface Served {
  readonly child: ChildProcess;
  readonly output: () => string;
  readonly end: () => Promise<void>;
}

function serve(home: string, directory: string, port: number, secret: string): Served {
  const file = (name: string): string => path.join(directory, name);
  const listening = ['--http-host=127.0.0.1', `--https-port=${port}`, `--hostname=https://localhost:${port}`];
  const certified = [
    `--https-certificate-file=${file('cert.pem')}`,
    `--https-certificate-key-file=${file('key.pem')}`,
    `--truststore-paths=${file('ca.pem')}`,
  ];
  // H2 would write what it committed half a second later, and a kill would undo a revocation that was confirmed
  const storing = [`--db-url=jdbc:h2:file:${file('h2')};NON_KEYWORDS=VALUE;WRITE_DELAY=0`, '--cache=local'];
  const child = spawn(
    'java',
    keycloakCommand(home, ['start', '--optimized', ...listening, ...certified, ...storing, '--log-level=ERROR']),
    {
      cwd: directory,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, KC_BOOTSTRAP_ADMIN_CLIENT_ID: 'rig', KC_BOOTSTRAP_ADMIN_CLIENT_SECRET: secret },
    },
  );
  const printed: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes: Buffer) => printed.push(bytes));
  const kill = (): void => void child.kill('SIGKILL');
  process.once('exit', kill);
  const ended = once(child, 'exit');
  return {
    child,
    output: () => Buffer.concat(printed).toString(),
    end: async () => {
      process.off('exit', kill);
      kill();
      await ended;
    },
  };
}

async function untilReady({ child, output }: Served, look: () => Promise<unknown>, say: (line: string) => void): Promise<void> {
  const began = Date.now();
  for (let looks = 1; Date.now() < began + PATIENCE && child.exitCode === null; looks++) {
    const ready = await look().catch(() => null);
    if (ready !== null) return say(`Keycloak is ready after ${Math.round((Date.now() - began) / 1000)} s`);
    if (looks % 20 === 0) say(`Keycloak is still starting after ${Math.round((Date.now() - began) / 1000)} s`);
    await wait(500);
  }
  throw new Error(`Keycloak ${child.exitCode === null ? 'was not ready in time' : `ended with ${child.exitCode}`}. It said:\n${output()}`);
}
