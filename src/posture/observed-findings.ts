import type { Catalogue } from '../catalogue/catalogue.js';
import { declared } from '../catalogue/look-up.js';
import type { Rotation } from '../credentials/rotation.js';
import type { GivenUpWork } from '../work/owed-work.js';
import type { Finding } from './finding.js';

/** What was seen of the world outside. */
export interface Observed {
  readonly drifted?: readonly DriftedServer[];
  readonly failedChecks?: readonly FailedCheck[];
  /** The latest of each client. */
  readonly rotations?: readonly Rotation[];
  readonly unusableCredentials?: readonly UnusableCredential[];
  readonly givenUp?: readonly GivenUpWork[];
}

/** A server that publishes other endpoints, keys or another issuer than are in use. */
export interface DriftedServer {
  readonly authorizationServer: string;
  readonly fields: readonly string[];
}

/** A client whose reference cannot be read now: what was read before stays in use. */
export interface UnusableCredential {
  readonly client: string;
  readonly why: string;
}

/** A client whose last check found something wrong; `time` as it stands in the record. */
export interface FailedCheck {
  readonly client: string;
  readonly time: string;
  readonly problems: readonly string[];
}

/** What waits for somebody, since it was seen. */
export function observedFindings(catalogue: Catalogue, { drifted = [], failedChecks = [], unusableCredentials = [] }: Observed): Finding[] {
  const known = failedChecks.filter(({ client }) => declared(catalogue.clients, client) !== null);
  return [...drifted.map(ofDrift), ...known.map(ofCheck), ...unusableCredentials.map(ofCredential)];
}

function ofDrift({ authorizationServer, fields }: DriftedServer): Finding {
  return {
    code: 'metadata_drift',
    severity: 'warning',
    subject: `authorization server ${authorizationServer}`,
    message: `it publishes another ${fields.join(', ')} than is in use: see corridor upstream show ${authorizationServer}, then approve it or have it put right`,
  };
}

function ofCheck({ client, time, problems }: FailedCheck): Finding {
  return {
    code: 'client_check_failed',
    severity: 'warning',
    subject: `client ${client}`,
    message: `its last check, at ${time}, found ${problems.join(', ')}: mend that and try again with corridor client check ${client}`,
  };
}

function ofCredential({ client, why }: UnusableCredential): Finding {
  return { code: 'credential_unusable', severity: 'warning', subject: `client ${client}`, message: why };
}
