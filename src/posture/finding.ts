/** The stable codes of findings; docs and alerts go by them. */
export type FindingCode =
  | 'rotation_overdue'
  | 'rotation_due_soon'
  | 'certificate_expires'
  | 'rotation_waiting'
  | 'rotation_unproven'
  | 'rotation_failed'
  | 'credential_missing'
  | 'credential_unusable'
  | 'credential_shared'
  | 'registration_shared'
  | 'client_shared_by_owners'
  | 'secret_where_key_possible'
  | 'secret_in_use'
  | 'plain_http'
  | 'metadata_drift'
  | 'client_check_failed'
  | 'work_given_up'
  | 'token_life_long'
  | 'token_outlives_limit'
  | 'run_life_long'
  | 'default_scopes_broad'
  | 'audience_not_required'
  | 'workflow_without_client'
  | 'workflow_needs_user';

/** One of the failure modes that Corridor exists against, found. `warning` wants something done, `info` wants it known. */
export interface Finding {
  readonly code: FindingCode;
  readonly severity: 'warning' | 'info';
  /** What it is about, by its kind and its id in the catalogue: `client indexer`. */
  readonly subject: string;
  /** What is so, and what to do. */
  readonly message: string;
}
