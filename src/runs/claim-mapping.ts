import { matchesPattern } from '../catalogue/claim-pattern.js';
import { fillTemplate, parseTemplate } from '../catalogue/claim-template.js';
import type { Catalogue } from '../catalogue/catalogue.js';
import { declared } from '../catalogue/look-up.js';
import type { ClaimRule, WorkloadIdentity } from '../catalogue/workload-identity.js';
import { mayStart } from './may-start.js';
import type { Agent, Attested, ClaimValue, Run } from './run.js';

/** What signed claims make of a token. */
export interface MappedClaims {
  readonly workflow: string;
  readonly purpose: string;
  readonly agent: Agent;
  readonly operator: string | null;
  readonly attested: Attested;
}

type Claims = Readonly<Record<string, unknown>>;

/** As for what a runtime says itself. */
const MAX_TEXT = 200;
const MAX_VALUE = 1_024;
const MAX_ATTESTED = 8_192;

/** By the first rule that matches. A problem is for the security log and never repeats a value. */
export function mapClaims(identity: WorkloadIdentity, claims: Claims): MappedClaims | { readonly problem: string } {
  const rule = identity.claims.find((candidate) => ruleMatches(candidate, (claim) => claimText(claims, claim)));
  if (rule === undefined) return { problem: 'no rule of the runtime matches the claims' };
  const fill = (template: string): string | null => textOf(template, claims);
  const [name, version, model, runId] = [rule.agent.name, rule.agent.version, rule.agent.model, rule.runId].map(fill);
  const operator = rule.operator === null ? null : fill(rule.operator);
  if (name == null || version == null || model == null || runId == null || (rule.operator !== null && operator === null))
    return { problem: 'a claim that the mapping names is missing, empty or too long' };
  const attested = attestedClaims(rule, claims);
  if (JSON.stringify(attested).length > MAX_ATTESTED) return { problem: 'the claims that the mapping names are too long' };
  return {
    workflow: rule.workflow,
    purpose: rule.purpose,
    agent: { name, version, model },
    operator,
    attested: { issuer: identity.issuer, runId, claims: attested },
  };
}

/**
 * Whether the catalogue would still start this run: its runtime may, and where it was attested, is trusted as it was, and a rule of
 * today gives what was attested the same workflow and purpose.
 */
export function isStillTrusted(catalogue: Catalogue, run: Run): boolean {
  if (run.attested === undefined) return mayStart(catalogue, run.runtime, run.workflow);
  const { issuer, claims } = run.attested;
  const runtime = declared(catalogue.runtimes, run.runtime);
  if (runtime?.identity?.issuer !== issuer || !runtime.workflows.includes(run.workflow)) return false;
  const valueOf = (claim: string): string | null => (Object.hasOwn(claims, claim) ? String(claims[claim]) : null);
  const rule = runtime.identity.claims.find((candidate) => ruleMatches(candidate, valueOf));
  return rule?.workflow === run.workflow && rule.purpose === run.purpose;
}

function ruleMatches({ match }: ClaimRule, valueOf: (claim: string) => string | null): boolean {
  return Object.entries(match).every(([claim, pattern]) => {
    const value = valueOf(claim);
    return value !== null && matchesPattern(pattern, value);
  });
}

function textOf(template: string, claims: Claims): string | null {
  const parsed = parseTemplate(template);
  const text = 'problem' in parsed ? null : fillTemplate(parsed, (claim) => claimText(claims, claim) || null);
  return text !== null && text !== '' && text.length <= MAX_TEXT && !/\p{Cc}|\p{Cs}/u.test(text) ? text : null;
}

/** The claims that the rule names, save those that only tell who the operator is: a person's name must be erasable. */
function attestedClaims(rule: ClaimRule, claims: Claims): Record<string, ClaimValue> {
  const templates = [rule.agent.name, rule.agent.version, rule.agent.model, rule.runId].map(parseTemplate);
  const names = new Set([...Object.keys(rule.match), ...templates.flatMap((template) => ('problem' in template ? [] : template.claims))]);
  const values = [...names].sort().flatMap((name) => {
    const value = claimValue(claims, name);
    return value === null ? [] : [[name, value] as const];
  });
  return Object.fromEntries(values);
}

function claimText(claims: Claims, name: string): string | null {
  const value = claimValue(claims, name);
  return value === null ? null : String(value);
}

/** A text, a number that is exact, or a truth value; anything else counts as missing. */
function claimValue(claims: Claims, name: string): ClaimValue | null {
  let value: unknown = claims;
  // RFC 6901: a pointer begins with a slash, and leads through objects alone here
  for (const step of name.startsWith('/') ? name.slice(1).split('/').map(unescapePointer) : [name]) {
    if (typeof value !== 'object' || value === null || Array.isArray(value) || !Object.hasOwn(value, step)) return null;
    value = Reflect.get(value, step);
  }
  if (typeof value === 'string') return value.length <= MAX_VALUE && !/\0|\p{Cs}/u.test(value) ? value : null;
  if (typeof value === 'number') return Number.isSafeInteger(value) ? value : null;
  return typeof value === 'boolean' ? value : null;
}

function unescapePointer(step: string): string {
  return step.replaceAll('~1', '/').replaceAll('~0', '~');
}
