import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { parse, parseAllDocuments } from 'yaml';
import ts from 'typescript';
import { z } from 'zod';
import { knownVariables } from '../../src/config/settings.js';
import { openLocalKeyFile } from '../../src/platform/keys/local-key-file.js';
import { SystemRandomness } from '../../src/platform/system-randomness.js';

const root = path.resolve(import.meta.dirname, '../..');
const folder = path.join(root, 'deploy/kubernetes');

const labels = z.record(z.string(), z.string());
const selector = z.object({ matchLabels: labels.default({}) }).default({ matchLabels: {} });
const generator = z.looseObject({ name: z.string(), files: z.array(z.string()).default([]), literals: z.array(z.string()).default([]) });
const kustomization = z.looseObject({
  namespace: z.string().optional(),
  resources: z.array(z.string()).default([]),
  images: z.array(z.looseObject({ name: z.string() })).default([]),
  configMapGenerator: z.array(generator).default([]),
});
const manifest = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.looseObject({ name: z.string() }),
  spec: z.unknown().optional(),
});
const probe = z.looseObject({
  httpGet: z.object({ path: z.string(), port: z.string() }),
  periodSeconds: z.number(),
  failureThreshold: z.number(),
});
const container = z.looseObject({
  name: z.string(),
  image: z.string(),
  command: z.array(z.string()).optional(),
  ports: z.array(z.object({ name: z.string(), containerPort: z.number() })).default([]),
  envFrom: z.array(z.object({ configMapRef: z.object({ name: z.string() }) })).default([]),
  env: z.array(z.object({ name: z.string(), value: z.string() })).default([]),
  startupProbe: probe.optional(),
  livenessProbe: probe.optional(),
  readinessProbe: probe.optional(),
  resources: z.object({ requests: labels, limits: z.object({ memory: z.string() }) }),
  securityContext: z.unknown(),
  volumeMounts: z.array(
    z.object({ name: z.string(), mountPath: z.string(), subPath: z.string().optional(), readOnly: z.boolean().optional() }),
  ),
});
const pod = z.looseObject({
  serviceAccountName: z.string(),
  automountServiceAccountToken: z.literal(false),
  securityContext: z.unknown(),
  topologySpreadConstraints: z.array(z.looseObject({ labelSelector: selector })).default([]),
  initContainers: z.array(container),
  containers: z.array(container).length(1),
  volumes: z.array(z.looseObject({ name: z.string() })),
});
const deployment = z.looseObject({
  replicas: z.number(),
  selector,
  template: z.object({ metadata: z.object({ labels }), spec: pod }),
});

const jobSpec = z.looseObject({
  template: z.object({ metadata: z.object({ labels }), spec: z.looseObject({ containers: z.array(container) }) }),
});

const own = read(folder);
const policies = read(path.join(root, 'policies'));
const manifests = own.resources.filter((name) => name.endsWith('.yaml')).flatMap((name) => documents(name));
const examples = ['ingress.example.yaml', 'secret.example.yaml', 'migrate.example.yaml'].flatMap((name) => documents(name));
const generators = [...own.configMapGenerator, ...policies.configMapGenerator];
const workloads = of('Deployment').map(({ metadata, spec }) => ({ name: metadata.name, ...deployment.parse(spec) }));

function read(directory: string): z.infer<typeof kustomization> {
  return kustomization.parse(parse(readFileSync(path.join(directory, 'kustomization.yaml'), 'utf8')));
}

function documents(name: string): z.infer<typeof manifest>[] {
  return parseAllDocuments(readFileSync(path.join(folder, name), 'utf8')).map((document) => {
    expect(document.errors).toEqual([]);
    return manifest.parse(document.toJS());
  });
}

function of(kind: string): z.infer<typeof manifest>[] {
  return manifests.filter((found) => found.kind === kind);
}

const holds = (all: Readonly<Record<string, string>>, some: Readonly<Record<string, string>>): boolean =>
  Object.entries(some).every(([name, value]) => all[name] === value);

/** Names of the workloads whose pods a selector means. */
const meant = (wanted: Readonly<Record<string, string>>): string[] =>
  workloads.filter(({ template }) => holds(template.metadata.labels, wanted)).map(({ name }) => name);

const settings = Object.fromEntries(
  generators
    .flatMap(({ literals }) => literals)
    .map((literal) => [literal.slice(0, literal.indexOf('=')), literal.slice(literal.indexOf('=') + 1)]),
);

describe('deploy/kubernetes', () => {
  it('names each of its files', () => {
    const files = readdirSync(folder).filter((name) => name.endsWith('.yaml') && !name.endsWith('.example.yaml'));
    const named = [...own.resources, ...own.configMapGenerator.flatMap((one) => one.files)];
    expect(files.filter((name) => name !== 'kustomization.yaml' && !named.includes(name))).toEqual([]);
    expect(own.resources.filter((name) => !existsSync(path.join(folder, name)))).toEqual([]);
  });

  it('is what the types of Kubernetes say, with no member that they do not know', () => {
    expect(complaintsAbout([...manifests, ...examples])).toEqual([]);
    // a name that is not known, and a text for a number
    const wrong = [{ selectors: {} }, { ports: [{ port: 'http' }] }].map((spec) => ({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'a' },
      spec,
    }));
    expect(complaintsAbout(wrong)).toHaveLength(2);
  });

  it('has two replicas and a worker, whose selectors mean their own pods alone', () => {
    expect(workloads.map(({ name, replicas }) => [name, replicas])).toEqual([
      ['corridor-api', 2],
      ['corridor-worker', 1],
    ]);
    for (const { name, selector: wanted } of workloads) expect(meant(wanted.matchLabels)).toEqual([name]);
    for (const { name, template } of workloads)
      for (const { labelSelector } of template.spec.topologySpreadConstraints) expect(meant(labelSelector.matchLabels)).toEqual([name]);
    const roles = workloads.map(({ template }) => template.spec.containers[0]?.env);
    expect(roles).toEqual([[{ name: 'CORRIDOR_ROLE', value: 'api' }], [{ name: 'CORRIDOR_ROLE', value: 'worker' }]]);
  });

  it('reaches the replicas, and no worker, by its service, and keeps one of them', () => {
    const [service] = of('Service').map(({ spec }) =>
      z.looseObject({ selector: labels, ports: z.array(z.looseObject({ name: z.string(), targetPort: z.string() })) }).parse(spec),
    );
    expect(meant(service?.selector ?? {})).toEqual(['corridor-api']);
    expect(service?.ports.map(({ targetPort }) => targetPort)).toEqual(['http']);
    const [budget] = of('PodDisruptionBudget').map(({ spec }) => z.looseObject({ selector, maxUnavailable: z.number() }).parse(spec));
    expect(meant(budget?.selector.matchLabels ?? {})).toEqual(['corridor-api']);
    expect(budget?.maxUnavailable).toBeLessThan(workloads[0]?.replicas ?? 0);
    const ingress = JSON.stringify(examples.find(({ kind }) => kind === 'Ingress'));
    for (const name of ingress.match(/"service":\{[^}]*\}/g) ?? [])
      expect(name).toBe('"service":{"name":"corridor","port":{"name":"http"}');
  });

  it('asks for its health by ports that have a name', () => {
    for (const { template } of workloads) {
      const [served] = template.spec.containers;
      expect(served?.ports).toEqual([
        { name: 'http', containerPort: Number(settings['CORRIDOR_PORT']) },
        { name: 'metrics', containerPort: Number(settings['CORRIDOR_METRICS_PORT']) },
      ]);
      const asked = [served?.startupProbe, served?.livenessProbe, served?.readinessProbe].map((one) => one?.httpGet);
      expect(asked).toEqual(['/healthz', '/healthz', '/readyz'].map((route) => ({ path: route, port: 'http' })));
    }
  });

  it('gives a start half an hour for its migrations', () => {
    for (const { template } of workloads) {
      const { periodSeconds = 0, failureThreshold = 0 } = template.spec.containers[0]?.startupProbe ?? {};
      expect(periodSeconds * failureThreshold).toBe(1_800);
    }
  });

  it('has an example of a Job that migrates alone, as a pod of no workload and as locked as theirs', () => {
    const job = examples.filter(({ kind }) => kind === 'Job').map(({ spec }) => jobSpec.parse(spec))[0]?.template;
    expect(job?.metadata.labels).toMatchObject({ 'app.kubernetes.io/name': 'corridor' }); // for the network policy
    for (const { selector: wanted } of workloads) expect(holds(job?.metadata.labels ?? {}, wanted.matchLabels)).toBe(false);
    expect(job?.spec.containers[0]).toMatchObject({
      command: ['corridor', 'migrate'],
      env: [{ name: 'CORRIDOR_DATABASE_URL_FILE', value: settings['CORRIDOR_DATABASE_URL_FILE'] }],
      securityContext: workloads[0]?.template.spec.containers[0]?.securityContext,
    });
  });

  it('may be run where pods are restricted', () => {
    for (const { template } of workloads) {
      expect(template.spec.securityContext).toMatchObject({
        runAsNonRoot: true,
        runAsUser: 10001,
        runAsGroup: 10001,
        fsGroup: 10001,
        seccompProfile: { type: 'RuntimeDefault' },
      });
      for (const { securityContext } of [...template.spec.initContainers, ...template.spec.containers]) {
        expect(securityContext).toEqual({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        });
      }
    }
    expect(of('ServiceAccount')).toEqual([expect.objectContaining({ automountServiceAccountToken: false })]);
  });

  it('sets only variables that Corridor knows, to files that are mounted', () => {
    expect(Object.keys(settings).filter((name) => !knownVariables.includes(name))).toEqual([]);
    const [secret] = examples.filter(({ kind }) => kind === 'Secret');
    const keys = Object.entries(z.record(z.string(), z.string()).parse(secret?.['stringData']));
    expect(keys.filter(([, value]) => value !== '')).toEqual([]);
    for (const { template } of workloads) {
      const { volumes, containers, initContainers } = template.spec;
      const mounts = containers[0]?.volumeMounts ?? [];
      const at = (mountPath: string | undefined) => mounts.find((mount) => mount.mountPath === mountPath);
      for (const [name, value] of Object.entries(settings).filter(([variable]) => variable.endsWith('_FILE'))) {
        expect([name, at(path.dirname(value))?.name, keys.map(([key]) => key)]).toEqual([
          name,
          'secrets',
          expect.arrayContaining([path.basename(value)]),
        ]);
      }
      expect(at(settings['CORRIDOR_CONFIG'])).toMatchObject({ name: 'catalogue', subPath: 'corridor.yaml' });
      expect(at(settings['CORRIDOR_POLICIES'])).toMatchObject({ name: 'policies' });
      for (const mount of [...mounts, ...initContainers.flatMap(({ volumeMounts }) => volumeMounts)])
        expect(volumes.map(({ name }) => name)).toContain(mount.name);
      const writable = mounts.filter(({ readOnly }) => readOnly !== true).map(({ mountPath }) => mountPath);
      expect(writable).toEqual(['/var/lib/corridor', '/tmp']);
      const named = [...JSON.stringify(template.spec).matchAll(/"configMap(?:Ref)?":\{"name":"([^"]+)"/g)].map(([, name]) => name);
      expect(new Set(named)).toEqual(new Set(generators.map(({ name }) => name)));
      expect(JSON.stringify(volumes)).toContain(`"secretName":"${secret?.metadata.name}"`);
    }
  });

  it('mounts the whole starter policy', () => {
    const listed = policies.configMapGenerator.flatMap(({ files }) => files).sort();
    const there = readdirSync(path.join(root, 'policies'), { recursive: true, encoding: 'utf8' });
    expect(listed).toEqual(there.filter((name) => /\.(rego|json)$/.test(name)).sort());
    const schemas = listed.filter((name) => name.includes('/'));
    const items = schemas.map((name) => ({ key: path.basename(name), path: name }));
    for (const { template } of workloads) expect(JSON.stringify(template.spec.volumes)).toContain(`"items":${JSON.stringify(items)}`);
  });

  it('takes the key from a private file, made as the example of its Secret says', async () => {
    const [command = ''] = /printf 'corridor-key.*$/m.exec(readFileSync(path.join(folder, 'secret.example.yaml'), 'utf8')) ?? [];
    const directory = mkdtempSync(path.join(os.tmpdir(), 'corridor-deploy-'));
    try {
      execFileSync('sh', ['-c', command], { cwd: directory });
      const file = path.join(directory, 'seal.key');
      chmodSync(file, 0o600);
      await expect(openLocalKeyFile(file, new SystemRandomness())).resolves.toBeDefined();
    } finally {
      rmSync(directory, { recursive: true });
    }
    for (const { template } of workloads) {
      expect(template.spec.initContainers.map(({ command: words }) => words?.join(' '))).toEqual([
        'install -D -m 0600 /run/secrets/corridor/seal.key /var/lib/corridor/keys/seal.key',
      ]);
    }
  });

  it('lets nobody in but what ends TLS and, for metrics, monitoring, by ports that have a name', () => {
    const policy = z.looseObject({ podSelector: selector, policyTypes: z.array(z.string()), ingress: z.array(z.unknown()).default([]) });
    const found = of('NetworkPolicy').map(({ spec }) => policy.parse(spec));
    expect(found[0]).toMatchObject({ podSelector: { matchLabels: {} }, policyTypes: ['Ingress', 'Egress'], ingress: [] });
    for (const { podSelector, ingress } of found.slice(1)) {
      expect(meant(podSelector.matchLabels).length).toBeGreaterThan(0);
      expect(JSON.stringify(ingress)).toMatch(
        /"kubernetes.io\/metadata.name":("ingress-nginx".*"port":"http"|"monitoring".*"port":"metrics")/,
      );
    }
  });
});

/** Each manifest as a literal of its type, which TypeScript checks: what is lacking, of another type, or a name that is not known. */
function complaintsAbout(found: readonly z.infer<typeof manifest>[]): string[] {
  const file = path.join(root, 'test/deploy/manifests.ts');
  const text = found.map((one, index) => {
    const [group = '', version] = one.apiVersion.includes('/') ? one.apiVersion.split('/') : ['core', one.apiVersion];
    const room = `kubernetes-types/${group.split('.')[0]}/${version}`;
    return `export const m${index}: import('${room}').${one.kind} = ${JSON.stringify(one)};`;
  });
  const options: ts.CompilerOptions = {
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    lib: ['lib.es5.d.ts'],
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    types: [],
  };
  const host = ts.createCompilerHost(options);
  const virtual: ts.CompilerHost = {
    ...host,
    fileExists: (name) => name === file || host.fileExists(name),
    readFile: (name) => (name === file ? text.join('\n') : host.readFile(name)),
    getSourceFile: (name, version) => ts.createSourceFile(name, virtual.readFile(name) ?? '', version),
  };
  const program = ts.createProgram([file], options, virtual);
  return ts.getPreEmitDiagnostics(program).map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, ' '));
}
