import type { Catalogue, Client } from '../catalogue/catalogue.js';
import { printDuration } from '../catalogue/duration.js';
import { certificatesOf } from '../credentials/certificates.js';
import type { CredentialVersion } from '../credentials/sealed-credential.js';
import type { Finding } from './finding.js';

const DAY = 86_400_000;

/** Whether credentials are there, are replaced in time, and belong to one client each. */
export function credentialFindings(catalogue: Catalogue, versions: readonly CredentialVersion[], now: number): Finding[] {
  return Object.values(catalogue.clients).flatMap((client) => {
    const [newest] = versions
      .filter(({ client: id, state }) => id === client.id && state === 'current')
      .toSorted((a, b) => b.createdAt - a.createdAt);
    if (newest === undefined) return [missing(client)];
    return [...rotation(client, newest, now), ...certificate(client, newest, now), ...shared(client, newest, versions)];
  });
}

function missing(client: Client): Finding {
  const message = 'it has no credential, so no token can be had with it: look at what its reference names, then apply the catalogue again';
  return { code: 'credential_missing', severity: 'warning', subject: subjectOf(client), message };
}

/** Due soon is the last tenth of the schedule, a week at most. */
function rotation(client: Client, version: CredentialVersion, now: number): Finding[] {
  const due = version.createdAt + client.rotateEvery * 1000;
  const margin = Math.min((client.rotateEvery * 1000) / 10, 7 * DAY);
  if (due - margin > now) return [];
  const made = new Date(version.createdAt).toISOString().slice(0, 10);
  const what = `its credential is of ${made} and is to be replaced every ${printDuration(client.rotateEvery)}`;
  const subject = subjectOf(client);
  if (due < now)
    return [{ code: 'rotation_overdue', severity: 'warning', subject, message: `${what}: overdue since ${dayOf(due)}; ${remedy(client)}` }];
  return [{ code: 'rotation_due_soon', severity: 'info', subject, message: `${what}: due on ${dayOf(due)}` }];
}

/** After its end a server refuses the client, whatever the schedule says. */
function certificate(client: Client, { key }: CredentialVersion, now: number): Finding[] {
  const certificates = certificatesOf(key?.publicKey ?? {});
  const ends = certificates === 'broken' ? [] : certificates.map(({ validTo }) => Date.parse(validTo));
  const end = Math.min(...ends);
  if (end - 30 * DAY > now) return [];
  const state = end < now ? `was valid until ${dayOf(end)}` : `is valid until ${dayOf(end)}`;
  const message = `its certificate, or that of an issuer beside it, ${state}: give it a new one`;
  return [{ code: 'certificate_expires', severity: 'warning', subject: subjectOf(client), message }];
}

function remedy({ id, credential }: Client): string {
  if (credential.kind !== 'generate') return 'have its server issue a new secret and put it where the reference points';
  return `see why, and whether it waits for you, with "corridor client show ${id}"`;
}

function shared(client: Client, version: CredentialVersion, versions: readonly CredentialVersion[]): Finding[] {
  if (version.keyedDigest === null) return [];
  const others = versions
    .filter((other) => other.client !== client.id && other.keyedDigest === version.keyedDigest)
    .map((other) => other.client);
  if (others.length === 0) return [];
  const message = `its secret or key is also that of ${[...new Set(others)].join(', ')}: whoever has one has all; give each client its own`;
  return [{ code: 'credential_shared', severity: 'warning', subject: subjectOf(client), message }];
}

function dayOf(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}

function subjectOf(client: Client): string {
  return `client ${client.id}`;
}
