import 'reflect-metadata';
import { rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { Invalid } from './access/errors.js';
import { AppModule } from './app.module.js';
import { compose, type Corridor } from './compose.js';
import { catalogueDigest } from './catalogue/catalogue-digest.js';
import { emptyCatalogue } from './catalogue/catalogue.js';
import { problemsOfFile } from './catalogue/parse-catalogue-file.js';
import { printProblem } from './catalogue/problem.js';
import type { Settings } from './config/settings.js';
import { SealBroken } from './credentials/envelope.js';
import { countRequests } from './http/count-requests.js';
import { replacePair } from './http/open-server.js';
import { furnish, httpAdapter, type Edge } from './http/server.js';
import { TrustedProxies } from './http/trusted-proxies.js';
import type { KeyWish } from './issuance/manage-keys.js';
import { followOthers, renewing, startLoops, watchReadiness } from './loops.js';
import { newIdentifier, newSecretText, type Randomness } from './oauth/identifier.js';
import { Secret } from './oauth/secret.js';
import type { Journal } from './platform/journal.js';
import { openMetering } from './platform/metrics/open-metering.js';
import { openPlatform } from './platform/open-platform.js';
import type { Platform } from './platform/platform.js';
import { claimPrivateFile, readTextFile, writePrivateFile } from './platform/private-file.js';
import { readPair, TlsFiles } from './platform/tls-files.js';
import { openTracing, traced } from './platform/tracing/open-tracing.js';
import { alarmsAmong } from './posture/alarms.js';
import { findings } from './posture/findings.js';
import { localRuntime } from './runs/run.js';
import { WatchedPolicy } from './watched-policy.js';

/** The start must not go on: what is wrong and what to do, and nothing was changed. */
export class StartRefused extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'StartRefused';
  }
}

export interface RunningCorridor {
  readonly url: string;
  /** Resolves with the reason when it cannot go on: it answers nobody any more, and is to be started again. */
  readonly lost: Promise<Error>;
  stop(): Promise<void>;
}

/** Where the command line looks when it is told nothing else. */
export const adminKeyFile = 'admin.key';
export const addressFile = 'address.json';

/**
 * Starts a whole Corridor: what can be refused is refused before anything is opened. `signal` ends the wait for a database that is not
 * there yet. @throws StartRefused, PlatformUnusable
 */
export async function startCorridor(
  settings: Settings,
  environment: Readonly<Record<string, string | undefined>>,
  journal: Journal,
  signal?: AbortSignal,
): Promise<RunningCorridor> {
  for (const message of settings.warnings) journal.note('warning', 'configuration', { message });
  const source = await readCatalogueFile(settings);
  if (settings.tls !== null) await readPair(settings.tls);
  await requireFreePort(settings, 'CORRIDOR_PORT');
  if (settings.metrics !== null) await requireFreePort(settings.metrics, 'CORRIDOR_METRICS_PORT');
  const platform = await openPlatform(settings, environment, journal, signal === undefined ? {} : { signal });
  try {
    return await startUpon(platform, settings, source, journal);
  } catch (error) {
    await platform.close();
    throw error;
  }
}

/** The same upon a platform that is open already; `source` is what the configuration file says, or null when there is none. */
export async function startUpon(platform: Platform, settings: Settings, source: string | null, journal: Journal): Promise<RunningCorridor> {
  const metering = await openMetering(platform, settings);
  const spans = await openTracing(settings);
  const measured = metering?.measured() ?? platform;
  const corridor = compose(spans === null ? measured : traced(measured, spans), settings, {
    observer: metering?.observer,
    spans: spans ?? undefined,
  });
  const epoch = await corridor.facts.initialise(newIdentifier('inc', platform.clock.now(), platform.randomness));
  platform.lastSeen?.noteEpoch(epoch);
  await requireSealingKey(corridor, settings);
  await offerCatalogue(corridor, settings, source, journal);
  await ensureAdminKey(platform, settings, corridor, journal);
  if (platform.embedded) await closeOpenIntents(corridor, journal);
  await corridor.keptTokens.load();
  const renew = renewing(corridor, journal);
  await reportCredentials(corridor, journal, renew);
  // a worker decides nothing
  const answers = settings.role !== 'worker';
  const policy = new WatchedPolicy(corridor.activatePolicy, settings.policyDirectory, journal, corridor.faultLog);
  if (answers) await policy.start();

  const tls = settings.tls === null ? null : await TlsFiles.open(settings.tls, journal);
  const edge = edgeOf(settings, tls);
  const app = await NestFactory.create<NestFastifyApplication>(AppModule.of(corridor, settings.role), httpAdapter(edge), {
    logger: ['error'],
    bodyParser: false,
    abortOnError: false,
  });
  furnish(app, edge);
  if (metering !== null) countRequests(app.getHttpAdapter().getInstance(), (...answer) => metering.answered(...answer));
  await app.listen(settings.port, settings.host);
  tls?.follow((pair) => replacePair(app.getHttpServer(), pair));
  await metering?.serve(corridor);
  const loops = [...startLoops(corridor, settings, journal, renew), watchReadiness(corridor, journal)];
  if (!platform.embedded) loops.push(...followOthers(platform, answers ? policy : null, corridor));
  if (answers) await writePrivateFile(path.join(settings.dataDirectory, addressFile), `${JSON.stringify({ url: settings.publicUrl })}\n`);
  const { policyRevision } = await corridor.facts.current();
  const { publicUrl: url, role } = settings;
  journal.note('info', 'started', { url, issuer: corridor.metadata.issuer, policy: policyRevision, role });
  return {
    url: settings.publicUrl,
    lost: platform.lost,
    async stop() {
      corridor.readiness.close();
      await wait(settings.drain * 1000);
      await app.close();
      tls?.stop();
      await metering?.close();
      await spans?.close();
      if (answers) await policy.stop();
      await Promise.all(loops.map((loop) => loop.stop()));
      await Promise.all([corridor.renewTokens.settled(), corridor.revokeDue.settled()]);
      await platform.lastSeen?.save();
      await platform.close();
      journal.note('info', 'stopped');
    },
  };
}

function edgeOf({ publicUrl, trustedProxies, forwardingHeader }: Settings, tls: TlsFiles | null): Edge {
  return {
    https: publicUrl.startsWith('https:'),
    tls: tls?.pair ?? null,
    proxies: trustedProxies.length === 0 ? null : new TrustedProxies(trustedProxies, forwardingHeader),
  };
}

/** A broken file stops the start before there is anything to change. */
async function readCatalogueFile(settings: Settings): Promise<string | null> {
  const source = await readTextFile(settings.configFile);
  if (source === null) {
    if (settings.configFileNamed) throw new StartRefused(`CORRIDOR_CONFIG names ${settings.configFile}, which is not there.`);
    return null;
  }
  const problems = problemsOfFile(source, settings.configFile);
  if (problems.length === 0) return source;
  throw new StartRefused(`${settings.configFile} is not applied, and nothing was changed:\n${problems.map(printProblem).join('\n')}`);
}

async function requireFreePort({ host, port }: { readonly host: string; readonly port: number }, variable: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const probe = createServer();
    probe.once('error', (cause: NodeJS.ErrnoException) => {
      const why = cause.code === 'EADDRINUSE' ? 'is in use by another process' : `cannot be listened on (${cause.code ?? cause.message})`;
      reject(new StartRefused(`Port ${port} at ${host} ${why}: set ${variable}, or stop what uses it.`, { cause }));
    });
    probe.listen(port, host, () => probe.close(() => resolve()));
  });
}

/**
 * The file comes first: a crash in between leaves a key that the next start registers, and never one that nobody has. Replicas that
 * start at the same moment make one key: where they share the directory one makes the file, and else all but one take theirs away.
 */
async function ensureAdminKey(platform: Platform, settings: Settings, corridor: Corridor, journal: Journal): Promise<void> {
  const { keys } = await corridor.facts.latest();
  if (keys.some(({ roles }) => roles.includes('admin'))) return;
  const file = path.join(settings.dataDirectory, adminKeyFile);
  const key = await keyInFile(file, platform.randomness);
  if (await corridor.manageKeys.createFirst(firstAdmin(platform), 'first start', key)) journal.note('info', 'admin_key_made', { file });
  else await rm(file, { force: true });
}

export function firstAdmin({ embedded }: Platform): KeyWish {
  return { name: 'admin', roles: ['admin'], runtime: embedded ? localRuntime : null };
}

async function keyInFile(file: string, randomness: Randomness): Promise<Secret> {
  const kept = await readTextFile(file);
  if (kept?.trim()) return new Secret(kept.trim());
  const text = newSecretText(randomness);
  if (kept !== null) await writePrivateFile(file, `${text}\n`);
  else if (!(await claimPrivateFile(file, `${text}\n`))) return keyInFile(file, randomness);
  return new Secret(text);
}

async function closeOpenIntents(corridor: Corridor, journal: Journal): Promise<void> {
  const closed = await corridor.closeIntents.closeEarlier(corridor.instance);
  if (closed > 0) journal.note('warning', 'intents_closed_as_unknown', { count: closed, see: 'corridor entries --type token.unknown' });
}

/** With another key file nothing that was sealed could be opened: better no start than one that can serve nobody. */
export async function requireSealingKey(corridor: Corridor, settings: Settings): Promise<void> {
  const { catalogue } = await corridor.facts.latest();
  try {
    for (const client of Object.keys(catalogue.clients)) await corridor.versions.current(client);
  } catch (error) {
    if (!(error instanceof SealBroken)) throw error;
    const file = path.join(settings.dataDirectory, 'keys', 'seal.key');
    throw new StartRefused(`The database was sealed with another key than ${file}: put the key file that belongs to it there.`, {
      cause: error,
    });
  }
}

async function offerCatalogue(corridor: Corridor, settings: Settings, source: string | null, journal: Journal): Promise<void> {
  const { catalogue } = await corridor.facts.latest();
  const isEmpty = catalogueDigest(catalogue) === catalogueDigest(emptyCatalogue);
  if (source === null) {
    if (isEmpty)
      journal.note('warning', 'catalogue_empty', { do: 'write one with "corridor init", then "corridor apply -f corridor.yaml"' });
    return;
  }
  if (isEmpty) {
    await applyFirst(corridor, settings, source);
    journal.note('info', 'catalogue_applied', { file: settings.configFile });
    return;
  }
  await reportDifference(corridor, settings, source, journal);
}

/** What is in use stays in use, also when a file that the configuration names cannot be read any more. */
async function reportDifference(corridor: Corridor, { configFile: file }: Settings, source: string, journal: Journal): Promise<void> {
  const next = `corridor apply -f ${file} --dry-run`;
  try {
    const { changes } = await corridor.applyCatalogue.plan(source, file);
    if (changes.length > 0) journal.note('warning', 'catalogue_differs', { file, changes: changes.length, do: next });
  } catch (error) {
    if (!(error instanceof Invalid)) throw error;
    journal.note('warning', 'catalogue_differs', { file, problems: error.problems.map(({ message }) => message), do: next });
  }
}

/** All of it or nothing, as ever; what hinders it is for the operator to mend. */
async function applyFirst(corridor: Corridor, settings: Settings, source: string): Promise<void> {
  try {
    await corridor.applyCatalogue.apply(source, settings.configFile, null, 'first start');
  } catch (error) {
    if (!(error instanceof Invalid)) throw error;
    const problems = error.problems.map(({ message }) => message).join('\n');
    throw new StartRefused(`${settings.configFile} is not applied, and nothing was changed:\n${problems}`, { cause: error });
  }
}

async function reportCredentials(corridor: Corridor, journal: Journal, renew: () => Promise<void>): Promise<void> {
  await renew();
  const { catalogue } = await corridor.facts.latest();
  const observed = { ...(await corridor.observeWorld.observe()), rotations: await corridor.rotations.latest() };
  const found = findings(catalogue, await corridor.versions.inUse(), corridor.clock.now(), observed);
  for (const { code, subject, message } of alarmsAmong(found)) {
    journal.note('warning', code, { subject, message });
  }
}
