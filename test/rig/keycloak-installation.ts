import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { systemErrorCode } from '../../src/platform/keys/system-error.js';

export const keycloakVersion = '26.7.3';

/** A Keycloak that is ready to be started, or why there is none on this machine. */
export type KeycloakInstallation = { readonly home: string } | { readonly missing: string };

const run = promisify(execFile);
const UNPACK = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:unpack';
/** What cannot be said at a start any more. */
const BUILD = ['build', '--db=dev-file', '--https-client-auth=request', '--health-enabled=false'];
const OLDEST_JAVA = 17;
const MINUTE = 60_000;

/**
 * Keycloak from Maven Central, by the ordinary Maven client, which compares checksums. It is kept outside the repository, built once
 * for an H2 file: 190 MB and a minute the first time, nothing later. `say` tells how far it is.
 */
export async function keycloakInstallation(say: (line: string) => void): Promise<KeycloakInstallation> {
  const java = await javaVersion();
  if (java === null || java < OLDEST_JAVA) {
    return { missing: `Keycloak needs Java ${OLDEST_JAVA}, and ${java === null ? 'there is no Java here' : `this is Java ${java}`}` };
  }
  const cache = path.join(process.env['XDG_CACHE_HOME'] ?? path.join(os.homedir(), '.cache'), 'corridor-test');
  const home = path.join(cache, `keycloak-${keycloakVersion}-${createHash('sha256').update(String(BUILD)).digest('hex').slice(0, 8)}`);
  if (existsSync(path.join(home, 'built'))) return { home };
  await mkdir(cache, { recursive: true });
  const fresh = await mkdtemp(path.join(cache, 'unpacking-'));
  try {
    say(`fetching Keycloak ${keycloakVersion} from Maven Central into ${cache}`);
    await fetchInto(fresh);
    const unpacked = path.join(fresh, `keycloak-${keycloakVersion}`);
    say('building Keycloak once for this machine');
    await run('java', keycloakCommand(unpacked, BUILD), { timeout: 3 * MINUTE });
    await writeFile(path.join(unpacked, 'built'), '');
    await rename(unpacked, home).catch((error: unknown) => {
      // another process was faster
      if (!existsSync(path.join(home, 'built'))) throw error;
    });
    return { home };
  } catch (error) {
    return { missing: `Keycloak could not be fetched and built: ${reason(error)}` };
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}

async function fetchInto(directory: string): Promise<void> {
  const artifact = `org.keycloak:keycloak-quarkus-dist:${keycloakVersion}:zip`;
  const options = ['--quiet', '--batch-mode', '--strict-checksums'];
  await run('mvn', [...options, UNPACK, `-Dartifact=${artifact}`, `-DoutputDirectory=${directory}`], {
    cwd: directory,
    timeout: 5 * MINUTE,
  });
}

/** What its kc.sh would start, as one process that can be ended by its id; the heap is bounded. */
export function keycloakCommand(home: string, command: readonly string[]): readonly string[] {
  const opened = ['java.util', 'java.util.concurrent', 'java.security', 'java.lang'];
  return [
    ...['-Xms64m', '-Xmx512m', '-XX:MaxMetaspaceSize=256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-XX:+ExitOnOutOfMemoryError'],
    '-Dfile.encoding=UTF-8',
    ...opened.map((name) => `--add-opens=java.base/${name}=ALL-UNNAMED`),
    `-Dkc.home.dir=${home}`,
    `-Djboss.server.config.dir=${path.join(home, 'conf')}`,
    '-Djava.util.logging.manager=org.jboss.logmanager.LogManager',
    '-Djava.util.concurrent.ForkJoinPool.common.threadFactory=io.quarkus.bootstrap.forkjoin.QuarkusForkJoinWorkerThreadFactory',
    '-Dpicocli.disable.closures=true',
    ...['-cp', path.join(home, 'lib', 'quarkus-run.jar')],
    'io.quarkus.bootstrap.runner.QuarkusEntryPoint',
    ...command,
  ];
}

async function javaVersion(): Promise<number | null> {
  const said = await run('java', ['-version']).catch(() => null);
  const [, version] = /version "(\d+)/.exec(said?.stderr ?? '') ?? [];
  return version === undefined ? null : Number(version);
}

function reason(error: unknown): string {
  if (systemErrorCode(error) === 'ENOENT') return 'Maven (mvn) is not here';
  const lines = String(error).split('\n');
  return lines.find((line) => line.startsWith('[ERROR]')) ?? lines[0] ?? '';
}
