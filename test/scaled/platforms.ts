import { randomUUID } from 'node:crypto';
import { newSigningKey, sign, type SigningKey } from '../rig/workload-issuer.js';
import { purposes, workflows, type Traits } from './scaled-catalogue.js';

const issuers = { jobs: 'https://jobs.example', cluster: 'https://cluster.example' } as const;

/** What a run of a platform is about, with the platform's own id of it. */
export type PlatformRun = Pick<Traits, 'workflow' | 'purpose' | 'agent' | 'operator'> & { readonly id: string };

/** Two platforms that sign tokens for their workloads: one for jobs, good once, and one as Kubernetes does for pods, good until it expires. */
export class Platforms {
  private constructor(
    private readonly jobs: SigningKey,
    private readonly cluster: SigningKey,
  ) {}

  static async start(): Promise<Platforms> {
    return new Platforms(await newSigningKey(), await newSigningKey());
  }

  /** Their runtimes in a catalogue. */
  get runtimes(): string {
    const each = (print: (workflow: string, purpose: string) => string): string =>
      workflows
        .flatMap((workflow) => purposes.map((purpose) => `{ ${print(workflow, purpose)}, workflow: ${workflow}, purpose: ${purpose} }`))
        .join();
    const keysOf = ({ publicJwk }: SigningKey): string => JSON.stringify({ keys: [publicJwk] });
    const job = `agent: { name: "{agent}" }, operator: "{operator}", run_id: "{build}"`;
    return `
  jobs:
    workflows: [${workflows.join()}]
    identity: { issuer: "${issuers.jobs}", jwks: ${keysOf(this.jobs)}, claims: [${each((workflow, purpose) => `match: { sub: "${workflow} ${purpose}" }, ${job}`)}] }
  cluster:
    workflows: [${workflows.join()}]
    identity:
      kind: kubernetes
      issuer: ${issuers.cluster}
      jwks: ${keysOf(this.cluster)}
      claims: [${each((workflow, purpose) => `match: { sub: "system:serviceaccount:${workflow}:${purpose}" }`)}]
`;
  }

  /** A new one each time, since it is spent by its use. */
  async tokenOfJob({ workflow, purpose, agent, operator, id }: PlatformRun, audience: string): Promise<string> {
    const claims = { iss: issuers.jobs, sub: `${workflow} ${purpose}`, aud: audience, jti: randomUUID(), agent, operator, build: id };
    return sign(this.jobs, { ...claims, ...life(240) });
  }

  /** Of the pod whose uid is `id`; its agent and operator are what its service account says: `agentOfPod`, and nobody. */
  async tokenOfPod({ workflow, purpose, id }: Pick<PlatformRun, 'workflow' | 'purpose' | 'id'>, audience: string): Promise<string> {
    const claims = { iss: issuers.cluster, sub: `system:serviceaccount:${workflow}:${purpose}`, aud: [audience], jti: randomUUID() };
    const bound = { namespace: workflow, pod: { name: 'agent-0', uid: id }, serviceaccount: { name: purpose, uid: randomUUID() } };
    return sign(this.cluster, { ...claims, 'kubernetes.io': bound, ...life(3_600) });
  }
}

export function agentOfPod({ workflow, purpose }: Pick<Traits, 'workflow' | 'purpose'>): string {
  return `${workflow}/${purpose}`;
}

function life(seconds: number): { iat: number; nbf: number; exp: number } {
  const now = Math.floor(Date.now() / 1000);
  return { iat: now, nbf: now, exp: now + seconds };
}
