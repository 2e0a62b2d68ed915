// npm run stack: what deploy/compose.yaml starts in containers, as processes of this machine: PostgreSQL, Redis where it is installed,
// the replicas and the worker, and before them a reverse proxy that ends TLS: Caddy where it is installed, else one of its own.
// Ctrl-C ends all of it in order.
//   --once   checks through the proxy that it works, and ends; exit code 0 only when every step went as it must
//   --image  lays out what the Dockerfile's last stage holds and runs that, as that stage's user where this is root
import { chmod, chown, copyFile, cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { parse } from 'yaml';
import { bold, Screen } from '../examples/demo/screen.mjs';
import { Client } from './stack/client.mjs';
import { startCaddy } from './stack/caddy.mjs';
import { selfSigned } from './stack/certificate.mjs';
import { layOutImage } from './stack/image.mjs';
import { freePort } from './stack/machine.mjs';
import { startPostgres } from './stack/postgres.mjs';
import { CannotStart, Processes } from './stack/processes.mjs';
import { Proxy } from './stack/proxy.mjs';
import { startRedis } from './stack/redis.mjs';
import { smoke } from './stack/smoke.mjs';
import { environmentHere, readTopology } from './stack/topology.mjs';

const root = path.resolve(import.meta.dirname, '..');
const demo = path.join(root, 'examples/demo');
const { values: options } = parseArgs({
  options: { once: { type: 'boolean', default: false }, image: { type: 'boolean', default: false } },
});

const screen = new Screen();
const directory = await mkdtemp(path.join(os.tmpdir(), 'corridor-stack-'));
const logs = path.join(directory, 'logs');
await chmod(directory, 0o711); // those who are not root here go through it to what is theirs
await mkdir(logs, { mode: 0o700 });
const processes = new Processes(logs);
let proxy;

const interrupted = new Promise((resolve) => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => resolve('interrupted'));
});
let keepFiles = false;
try {
  const outcome = await Promise.race([run(), interrupted]);
  keepFiles = screen.failures > 0;
  if (keepFiles) process.exitCode = 1;
  else if (outcome !== 'interrupted' && !options.once) await interrupted;
  else if (outcome === 'interrupted' && options.once) process.exitCode = 1;
} catch (error) {
  process.exitCode = 1;
  keepFiles = !(error instanceof CannotStart);
  console.error(keepFiles ? error : error.message);
}
screen.heading('Ending it: first the proxy, then what was started last');
await proxy?.close();
await processes.stopAll();
if (keepFiles) console.error(`What each process said stays in ${logs}.`);
else await rm(directory, { recursive: true, force: true });
process.exit();

async function run() {
  screen.heading('Corridor as in production, as processes of this machine');
  const { services, redisFlags } = await readTopology();
  const image = options.image ? await layOutImage(path.join(directory, 'image')) : null;
  if (image !== null) screen.line('image', `${path.join(directory, 'image')}, as the Dockerfile says, with production dependencies`);

  const secrets = path.join(directory, 'secrets');
  await mkdir(secrets, { mode: 0o700 });
  const postgres = await startPostgres(processes, directory);
  screen.line('PostgreSQL', `${postgres.version}, on port ${new URL(postgres.url).port}, process ${postgres.child.pid}`);
  await writeFile(path.join(secrets, 'database_url'), `${postgres.url}\n`, { mode: 0o400 });
  const redis = await startRedis(processes, directory, redisFlags);
  if (redis === null) screen.line('Redis', 'left out: there is no redis-server on the PATH. Corridor does without it, more slowly');
  else {
    screen.line('Redis', `on port ${new URL(redis.url).port}, process ${redis.child.pid}`);
    await writeFile(path.join(secrets, 'redis_url'), `${redis.url}\n`, { mode: 0o400 });
  }

  const port = await freePort(8443);
  const url = `https://localhost:${port}`;
  const certificate = await selfSigned();
  const certificateFile = path.join(directory, 'proxy.crt');
  await writeFile(certificateFile, certificate.cert, { mode: 0o644 });

  const issuer = await startAuthorizationServer(url, certificateFile);
  screen.line('upstream', `${issuer}, the demo's authorization server, which gets Corridor's public key through the proxy`);
  const config = await writeCatalogue(issuer);
  const policies = await copyPolicies();
  const dataDirectory = path.join(directory, 'data');
  await mkdir(dataDirectory, { mode: 0o700 });
  if (image !== null && process.getuid?.() === 0) await giveTo(image.user, dataDirectory, secrets);

  const replicas = [];
  for (const { name, environment } of services) {
    const own = String(await freePort());
    const metrics = String(await freePort());
    const here = environmentHere(environment, {
      secrets,
      CORRIDOR_HOST: '127.0.0.1',
      CORRIDOR_PORT: own,
      CORRIDOR_PUBLIC_URL: url,
      CORRIDOR_CONFIG: config,
      CORRIDOR_POLICIES: policies,
      CORRIDOR_TRUSTED_PROXIES: '127.0.0.1',
      CORRIDOR_METRICS_HOST: '127.0.0.1',
      CORRIDOR_METRICS_PORT: metrics,
    });
    if (redis === null) delete here.CORRIDOR_REDIS_URL_FILE;
    const env = { ...here, CORRIDOR_DATA_DIR: dataDirectory };
    const start = () => startCorridor(name, image, env);
    const at = (port) => `http://127.0.0.1:${port}`;
    replicas.push({ name, role: environment.CORRIDOR_ROLE, url: at(own), metrics: `${at(metrics)}/metrics`, start, child: start() });
  }
  // at the same moment, as containers start
  await Promise.all(replicas.map(({ name, child, url: at }) => processes.until(name, child, () => isOk(`${at}/readyz`))));
  const startedBy = Date.now();
  for (const { name, url: at, metrics, child } of replicas) screen.line(name, `${at}, metrics at ${metrics}, process ${child.pid}`);

  const api = replicas.filter(({ role }) => role === 'api');
  const adminKeyFile = path.join(dataDirectory, 'admin.key');
  const client = new Client(url, { certificateFile, key: (await readFile(adminKeyFile, 'utf8')).trim(), program: root });
  const isUp = () => client.isUp();
  const caddy = await startCaddy(processes, directory, { port, certificate, replicas: api, isUp });
  if (caddy === null) {
    proxy = new Proxy(api);
    await proxy.listen(port, certificate);
    screen.line('proxy', `${url}, in this process: there is no caddy on the PATH`);
  } else screen.line('proxy', `${url}, Caddy with deploy/Caddyfile, process ${caddy.pid}`);
  screen.line('trusts', `${certificateFile}, the certificate of the proxy`);
  screen.line('logs', logs);

  if (!options.once) return suggest(url, certificateFile, adminKeyFile, api[0]);
  await smoke({ client, screen, processes, replicas: api });
  screen.step('None of them had anything to complain about, and each tells its figures');
  for (const { name } of replicas) screen.expect(name, 'no complaint', await complaintsOf(name, startedBy));
  for (const { name, metrics } of replicas) screen.expect('metrics', `of ${name}`, (await isOk(metrics)) ? `of ${name}` : 'none');
  if (caddy !== null) {
    screen.step('No replica is left, and the proxy says so as Corridor would');
    for (const { child } of api) await processes.stop(child);
    screen.expect('an agent', 'temporarily_unavailable', (await client.ask({ client_id: 'any', client_secret: 'any' }, 'crm:read')).word);
    screen.expect(
      'an admin',
      'unavailable',
      (await client.api('GET', '/v1/posture').catch(({ message }) => message.match(/"code":"(\w+)"/)?.[1])) ?? 'nothing',
    );
  }
  screen.heading(screen.failures === 0 ? 'Every step went as it must.' : `${screen.failures} things did not go as they must.`);
}

function startCorridor(name, image, environment) {
  const cwd = image === null ? root : path.join(directory, 'image');
  const [command, ...words] = image?.entrypoint ?? ['node', 'dist/main.js'];
  const outside = Object.entries(process.env).filter(([variable]) => !variable.startsWith('CORRIDOR_'));
  const env = { ...Object.fromEntries(outside), NODE_ENV: 'production', ...environment };
  const user = image !== null && process.getuid?.() === 0 ? image.user : null;
  return processes.start(name, command === 'node' ? process.execPath : command, words, { cwd, env, user });
}

async function startAuthorizationServer(url, certificateFile) {
  const port = await freePort();
  const words = ['--port', String(port), '--jwks-uri', `${url}/oauth2/clients/indexer/jwks`];
  const env = { ...process.env, NODE_EXTRA_CA_CERTS: certificateFile };
  const child = processes.start('upstream', process.execPath, [path.join(demo, 'authorization-server.mjs'), ...words], { env });
  const issuer = `http://127.0.0.1:${port}`;
  await processes.until('upstream', child, () => isOk(`${issuer}/.well-known/openid-configuration`));
  return issuer;
}

/** The demo's, with the authorization server where it is now. */
async function writeCatalogue(issuer) {
  const text = await readFile(path.join(demo, 'corridor.yaml'), 'utf8');
  const file = path.join(directory, 'corridor.yaml');
  await writeFile(file, text.replace(parse(text).authorization_servers.demo.issuer, issuer), { mode: 0o644 });
  return file;
}

async function copyPolicies() {
  const copy = path.join(directory, 'policies');
  await cp(path.join(root, 'policies'), copy, { recursive: true });
  await copyFile(path.join(demo, 'data.json'), path.join(copy, 'data.json'));
  return copy;
}

async function giveTo({ uid, gid }, ...folders) {
  for (const folder of folders) {
    for (const name of await readdir(folder)) await chown(path.join(folder, name), uid, gid);
    await chown(folder, uid, gid);
  }
}

/**
 * The events in the log of a Corridor that are more than information: a Redis that cannot be had fails no request, and is seen here. On a
 * busy machine it may miss its time, and a replica may be ready late: what is over, or will be within half a minute, is no complaint.
 */
async function complaintsOf(name, startedBy) {
  const deadline = Date.now() + 30_000;
  for (;;) {
    const complaints = await complaintsSoFar(name, startedBy);
    if (complaints.length === 0) return 'no complaint';
    if (Date.now() > deadline) return complaints.join(', ');
    await wait(500);
  }
}

async function complaintsSoFar(name, startedBy) {
  const lines = (await readFile(processes.logOf(name), 'utf8')).split('\n').slice(0, -1);
  const events = lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line));
  const isOver = ({ event, time }, index) => {
    const isBack = (what) => events.slice(index).some((later) => later.event === what);
    if (event === 'redis_lost') return isBack('redis_back');
    return event === 'readiness_lost' && Date.parse(time) < startedBy && isBack('readiness_back');
  };
  const complaints = events.filter((event, index) => event.level !== 'info' && !isOver(event, index));
  return [...new Set(complaints.map(({ event }) => event))];
}

async function isOk(address) {
  try {
    const answer = await fetch(address, { signal: AbortSignal.timeout(2_000) });
    await answer.arrayBuffer();
    return answer.ok;
  } catch {
    return false;
  }
}

function suggest(url, certificateFile, adminKeyFile, replica) {
  console.log(`
${bold('What to try next')}, in another terminal in this directory:

   export CORRIDOR_URL=${url} NODE_EXTRA_CA_CERTS=${certificateFile} CORRIDOR_KEY="$(cat ${adminKeyFile})"
   alias corridor='node dist/cli.js'

   corridor entries --follow
      the record, as it grows, whichever replica writes it

   kill ${replica.child.pid}
      ends ${replica.name}, and everything goes on; nothing starts it again here

Ctrl-C ends it all and removes its files.`);
}
