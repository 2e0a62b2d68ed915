// The proxy of deploy/compose.yaml itself, with its own configuration, where it is on this machine.
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { findProgram } from './machine.mjs';

const config = path.resolve(import.meta.dirname, '../../deploy/Caddyfile');

/** @returns {Promise<import('node:child_process').ChildProcess | null>} null where there is no Caddy */
export async function startCaddy(processes, directory, { port, certificate, replicas, isUp }) {
  const program = findProgram('caddy');
  if (program === null) return null;
  const home = path.join(directory, 'caddy');
  await mkdir(home, { mode: 0o700 });
  const files = { cert: path.join(home, 'tls.crt'), key: path.join(home, 'tls.key') };
  for (const [part, file] of Object.entries(files)) await writeFile(file, certificate[part], { mode: 0o600 });
  const env = {
    PATH: process.env.PATH,
    HOME: home,
    XDG_DATA_HOME: home,
    XDG_CONFIG_HOME: home,
    CORRIDOR_PUBLIC_URL: `https://localhost:${port}`,
    CORRIDOR_HTTPS_PORT: String(port),
    CORRIDOR_TLS: `${files.cert} ${files.key}`,
    CORRIDOR_UPSTREAMS: replicas.map(({ url }) => new URL(url).host).join(' '),
  };
  const child = processes.start('proxy', program, ['run', '--adapter', 'caddyfile', '--config', config], { cwd: home, env });
  await processes.until('proxy', child, isUp);
  return child;
}
