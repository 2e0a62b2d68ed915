import type { Catalogue, Workflow } from '../catalogue/catalogue.js';
import { printDuration } from '../catalogue/duration.js';
import { declared, hasClients } from '../catalogue/look-up.js';
import type { Finding } from './finding.js';

/** Runs that may last longer than this are worth a warning, in seconds. */
const LONG_RUN = 86_400;

/** What is said of workflows. */
export function workflowFindings(catalogue: Catalogue): Finding[] {
  return Object.values(catalogue.workflows).flatMap((workflow) => ofWorkflow(catalogue, workflow));
}

function ofWorkflow(catalogue: Catalogue, workflow: Workflow): Finding[] {
  const subject = `workflow ${workflow.id}`;
  const findings: Finding[] = [];
  if (workflow.maxRunTtl > LONG_RUN) {
    const message = `its runs may last ${printDuration(workflow.maxRunTtl)}: a run's credential that leaks is good for as long; start a run for each task`;
    findings.push({ code: 'run_life_long', severity: 'warning', subject, message });
  }
  if (!hasClients(catalogue, workflow.id)) {
    const message = 'no client serves it, so its runs get no token: declare one, or remove the workflow';
    findings.push({ code: 'workflow_without_client', severity: 'info', subject, message });
  }
  if (workflow.purposes.every((id) => declared(catalogue.purposes, id)?.needsUser === true)) {
    const message = 'every purpose of it needs a user, so its runs get no token: such tasks belong to a user flow';
    findings.push({ code: 'workflow_needs_user', severity: 'warning', subject, message });
  }
  return findings;
}
