import type { Finding, FindingCode } from './finding.js';

const ALARMS: readonly FindingCode[] = [
  'rotation_overdue',
  'rotation_waiting',
  'rotation_failed',
  'rotation_unproven',
  'metadata_drift',
  'work_given_up',
];

/** Of all findings those that somebody should see today: they are said at each start, and by the health of a running Corridor. */
export function alarmsAmong(findings: readonly Finding[]): readonly Finding[] {
  return findings.filter(({ code, severity }) => severity === 'warning' && ALARMS.includes(code));
}
