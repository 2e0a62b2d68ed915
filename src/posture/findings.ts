import type { Catalogue } from '../catalogue/catalogue.js';
import type { CredentialVersion } from '../credentials/sealed-credential.js';
import { clientFindings } from './client-findings.js';
import { credentialFindings } from './credential-findings.js';
import type { Finding } from './finding.js';
import { observedFindings, type Observed } from './observed-findings.js';
import { resourceFindings } from './resource-findings.js';
import { rotationFindings } from './rotation-findings.js';
import { workFindings } from './work-findings.js';
import { workflowFindings } from './workflow-findings.js';

/**
 * What is to be said about a catalogue and its credentials, warnings first, then by what they are about.
 * `versions` are those in use; `now` is in milliseconds since 1970.
 */
export function findings(catalogue: Catalogue, versions: readonly CredentialVersion[], now: number, observed: Observed = {}): Finding[] {
  const found = [
    ...credentialFindings(catalogue, versions, now),
    ...rotationFindings(catalogue, observed.rotations ?? [], now),
    ...clientFindings(catalogue),
    ...resourceFindings(catalogue),
    ...workflowFindings(catalogue),
    ...observedFindings(catalogue, observed),
    ...workFindings(observed.givenUp ?? []),
  ];
  const place = ({ severity, subject, code }: Finding) => `${severity === 'warning' ? 0 : 1} ${subject} ${code}`;
  return found.sort((a, b) => (place(a) < place(b) ? -1 : 1));
}
