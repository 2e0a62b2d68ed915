import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { z } from 'zod';
import { knownVariables } from '../../src/config/settings.js';

const root = path.resolve(import.meta.dirname, '../..');
const read = (file: string): string => readFileSync(path.join(root, 'deploy', file), 'utf8');

const names = z.array(z.string()).default([]);
const service = z.looseObject({
  image: z.string(),
  user: z.string().optional(),
  restart: z.string(),
  read_only: z.boolean(),
  privileged: z.never().optional(),
  cap_drop: names,
  cap_add: names,
  security_opt: names,
  ports: names,
  environment: z.record(z.string(), z.string()).default({}),
  secrets: names,
  configs: z.array(z.looseObject({ source: z.string(), target: z.string() })).default([]),
  networks: names,
  volumes: z.array(z.union([z.string(), z.looseObject({ target: z.string(), source: z.string() })])).default([]),
  depends_on: z.record(z.string(), z.unknown()).default({}),
  deploy: z.object({ resources: z.object({ limits: z.object({ cpus: z.string(), memory: z.string(), pids: z.number() }) }) }),
});
const file = z
  .looseObject({
    services: z.record(z.string(), service),
    networks: z.record(z.string(), z.looseObject({ internal: z.boolean().default(false) })),
    volumes: z.record(z.string(), z.unknown()),
    configs: z.record(z.string(), z.object({ file: z.string() })),
    secrets: z.record(z.string(), z.object({ file: z.string() })),
  })
  .parse(parse(read('compose.yaml'), { merge: true }));
const services = Object.entries(file.services);
const corridors = services.filter(([, { image }]) => image.includes('corridor'));
const one = (name: string): z.infer<typeof service> => service.parse(file.services[name]);

describe('deploy/compose.yaml', () => {
  it('has two replicas and a worker, which differ in their role alone', () => {
    expect(corridors.map(([name, { environment }]) => `${name}: ${environment['CORRIDOR_ROLE']}`)).toEqual([
      'api-1: api',
      'api-2: api',
      'worker: worker',
    ]);
    const alike = corridors.map(([, { environment, volumes, secrets, configs }]) => ({
      environment: { ...environment, CORRIDOR_ROLE: '' },
      volumes,
      secrets,
      configs,
    }));
    expect(alike[1]).toEqual(alike[0]);
    expect(alike[2]).toEqual(alike[0]);
  });

  // that their values are accepted is shown by npm run stack, which starts processes with them
  it('sets only variables that Corridor knows', () => {
    const set = corridors.flatMap(([, { environment }]) => Object.keys(environment));
    expect(set.filter((name) => !knownVariables.includes(name))).toEqual([]);
  });

  it('has a file for each secret, and gives each service only its own', () => {
    const { directory, secrets } = madeSecrets();
    const made = readdirSync(secrets).sort();
    expect(readFileSync(path.join(secrets, 'database_url'), 'utf8')).toMatch(
      /^postgresql:\/\/corridor:[0-9a-f]{48}@postgres:5432\/corridor\n$/,
    );
    rmSync(directory, { recursive: true });
    expect(Object.entries(file.secrets).map(([name, secret]) => [name, secret.file])).toEqual(
      expect.arrayContaining(made.map((name) => [name, `./secrets/${name}`])),
    );
    expect(Object.keys(file.secrets).sort()).toEqual(made);
    for (const [, { environment, secrets: given }] of services) {
      const asked = Object.entries(environment).filter(([name]) => name.endsWith('_FILE'));
      expect(asked.map(([, value]) => path.basename(value)).filter((name) => !given.includes(name))).toEqual([]);
      expect(given.filter((name) => !(name in file.secrets))).toEqual([]);
    }
  });

  it('holds each service in: no capability, no privilege, a root that is read only, limits, a pinned image', () => {
    for (const [name, { cap_drop, cap_add, security_opt, read_only, restart, image }] of services) {
      expect({ name, cap_drop, security_opt, read_only, restart }).toEqual({
        name,
        cap_drop: ['ALL'],
        security_opt: ['no-new-privileges:true'],
        read_only: true,
        restart: 'unless-stopped',
      });
      expect(cap_add).toEqual(name === 'proxy' ? ['NET_BIND_SERVICE'] : []);
      expect(image).toMatch(/:(?:-corridor:)?\d+\.\d+(\.\d+)?/);
    }
  });

  it('lets in nothing but what comes through the proxy', () => {
    expect(services.filter(([, { ports }]) => ports.length > 0).map(([name]) => name)).toEqual(['proxy']);
    expect(one('postgres').networks).toEqual(['data']);
    expect(one('redis').networks).toEqual(['data']);
    expect(file.networks['data']?.internal).toBe(true);
    expect(one('proxy').networks).toEqual(['front']);
  });

  it('refers to nothing that is not there', () => {
    for (const [, { networks, configs, volumes, depends_on }] of services) {
      expect(networks.filter((name) => !(name in file.networks))).toEqual([]);
      expect(configs.filter(({ source }) => !(source in file.configs))).toEqual([]);
      expect(Object.keys(depends_on).filter((name) => !(name in file.services))).toEqual([]);
      const named = volumes.flatMap((volume) => (typeof volume === 'string' ? [volume.split(':')[0] ?? ''] : []));
      expect(named.filter((name) => !(name in file.volumes))).toEqual([]);
    }
    const { environment, configs, volumes } = one('api-1');
    expect(configs.map(({ target }) => target)).toContain(environment['CORRIDOR_CONFIG']);
    expect(volumes.flatMap((volume) => (typeof volume === 'string' ? [] : [volume.target]))).toContain(environment['CORRIDOR_POLICIES']);
    expect(volumes).toContain('corridor:/var/lib/corridor');
  });

  it('has a proxy that knows each replica, and asks whether it is ready', () => {
    const { environment, ports } = one('proxy');
    const port = one('api-1').environment['CORRIDOR_PORT'];
    const replicas = corridors.filter(([, { environment: own }]) => own['CORRIDOR_ROLE'] === 'api').map(([name]) => `${name}:${port}`);
    expect(environment['CORRIDOR_UPSTREAMS']).toBe(replicas.join(' '));
    expect(ports).toEqual([expect.stringMatching(new RegExp(`:${environment['CORRIDOR_HTTPS_PORT']}$`))]);
    const used = [...read('Caddyfile').matchAll(/\{\$(\w+)\}/g)].map(([, name]) => name);
    expect([...new Set(used)].sort()).toEqual(Object.keys(environment).sort());
    expect(read('Caddyfile')).toMatch(/health_uri \/readyz$/m);
  });
});

/** What deploy/make-secrets.sh makes, in a directory of its own; a second time it changes nothing. */
function madeSecrets(): { directory: string; secrets: string } {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'corridor-deploy-'));
  copyFileSync(path.join(root, 'deploy/make-secrets.sh'), path.join(directory, 'make-secrets.sh'));
  const make = (): void => void execFileSync('sh', [path.join(directory, 'make-secrets.sh')]);
  const secrets = path.join(directory, 'secrets');
  const contents = (): string[] => readdirSync(secrets).map((name) => readFileSync(path.join(secrets, name), 'utf8'));
  make();
  const first = contents();
  make();
  expect(contents()).toEqual(first);
  expect(statSync(secrets).mode & 0o777).toBe(0o700);
  return { directory, secrets };
}
