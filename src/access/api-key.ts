/** The roles of DESIGN §4.2 that a principal may have. A resource server may introspect tokens of its resource, and nothing else. */
export const roles = [
  'runtime',
  'operator',
  'policy-author',
  'policy-approver',
  'responder',
  'auditor',
  'admin',
  'resource-server',
] as const;
export type Role = (typeof roles)[number];

/** A named principal's key. The key itself is shown once and kept as SHA-256 (hex). Times in milliseconds since 1970. */
export interface ApiKey {
  readonly id: string;
  readonly name: string;
  readonly roles: readonly Role[];
  /** The runtime that it speaks for, when its role is `runtime`. */
  readonly runtime: string | null;
  /** The resource whose tokens it may ask about, when its role is `resource-server`. */
  readonly resource: string | null;
  readonly sha256: string;
  readonly createdAt: number;
  readonly revokedAt: number | null;
}
