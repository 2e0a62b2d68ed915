import { canBeginWith, covers, literalStart, matchesPattern } from './claim-pattern.js';
import { isClaimName, parseTemplate } from './claim-template.js';
import { identityKinds } from './identity-kinds.js';
import type { ClaimRuleFile, IdentityFile } from './identity-shape.js';
import { didYouMean } from './nearest-name.js';
import type { Path, Report } from './problem.js';

type Wrong = (steps: Path, message: string, at?: 'key' | 'value') => void;

/** Checks what claims are said to mean. A rule that nothing could match, or that another hides, is a slip that nobody would notice. */
export function checkClaimRules(identity: IdentityFile, workflows: readonly string[] | undefined, path: Path, report: Report): void {
  for (const [index, rule] of identity.claims.entries()) {
    const base = [...path, 'claims', index];
    const wrong: Wrong = (steps, message, at = 'value') => {
      const name = [...path, 'claims', ...steps]
        .filter((step) => typeof step === 'string' && /^[A-Za-z0-9_.-]{1,64}$/.test(step))
        .join('.');
      report({ path: [...base, ...steps], at, message: `${name} ${message}` });
    };
    checkMatch(identity, rule, wrong);
    checkTemplates(identity, rule, wrong);
    if (workflows !== undefined && !workflows.includes(rule.workflow)) {
      const hint = didYouMean(rule.workflow, workflows) || ': list it there or name another';
      wrong(['workflow'], `is not one of the workflows of this runtime${hint}`);
    }
    const hidden = identity.claims.slice(0, index).some((earlier) => hides(earlier, rule));
    if (hidden) wrong([], 'can never hold: whatever matches this rule matches one before it, so put it before that or remove it');
  }
}

function checkMatch(identity: IdentityFile, { match }: ClaimRuleFile, wrong: Wrong): void {
  const { tenantClaims } = identityKinds[identity.kind ?? 'jwt'];
  if (Object.keys(match).length === 0) wrong(['match'], 'is empty, so every token of the issuer would match: name a claim and its value');
  for (const [claim, pattern] of Object.entries(match)) {
    if (!isClaimName(claim)) wrong(['match', claim], 'has a name that no claim has: write name, or /outer/inner for a nested claim', 'key');
    const impossible = whyImpossible(identity, claim, pattern);
    if (impossible !== null) wrong(['match', claim], `can never match: ${impossible}`);
  }
  const tells = tenantClaims.some((claim) => Object.hasOwn(match, claim) && literalStart(match[claim] ?? '') !== '');
  if (tenantClaims.length > 0 && Object.keys(match).length > 0 && !tells) {
    wrong(
      ['match'],
      `lets strangers in, since everybody has tokens of this issuer: match one of ${tenantClaims.join(', ')}, and not with a * in front`,
    );
  }
}

/** What is certain of a claim before any token is seen. */
function whyImpossible(identity: IdentityFile, claim: string, pattern: string): string | null {
  const kind = identity.kind ?? 'jwt';
  const issuer = identity.issuer ?? identityKinds[kind].issuer;
  if (claim === 'iss' && kind !== 'spiffe' && issuer !== null && !matchesPattern(pattern, issuer)) return 'iss is always the issuer';
  if (claim === 'aud') return "aud is always Corridor's own issuer, and is checked in any case: remove it";
  if (claim === 'sub' && kind === 'kubernetes' && !canBeginWith(pattern, 'system:serviceaccount:'))
    return 'the sub of a service account begins with system:serviceaccount:';
  if (
    claim === 'sub' &&
    kind === 'spiffe' &&
    identity.trust_domain !== undefined &&
    !canBeginWith(pattern, `spiffe://${identity.trust_domain}/`)
  )
    return 'the sub of an SVID begins with spiffe:// and its trust domain';
  if (claim === 'repository' && kind === 'github_actions' && !/[/*]/.test(pattern)) return 'a repository is written owner/name';
  return null;
}

function checkTemplates(identity: IdentityFile, rule: ClaimRuleFile, wrong: Wrong): void {
  const texts: [Path, string | undefined][] = [
    [['agent', 'name'], rule.agent?.name],
    [['agent', 'version'], rule.agent?.version],
    [['agent', 'model'], rule.agent?.model],
    [['operator'], rule.operator],
    [['run_id'], rule.run_id],
  ];
  for (const [steps, text] of texts) {
    const template = text === undefined ? null : parseTemplate(text);
    if (template === null) continue;
    if ('problem' in template) wrong(steps, template.problem);
    else if (steps[0] === 'run_id' && template.claims.length === 0)
      wrong(steps, 'holds no claim, so that there could be one run and never another: write one such as {run_id}');
  }
  if (rule.run_id === undefined && identityKinds[identity.kind ?? 'jwt'].runId === null)
    wrong([], 'lacks run_id: say which claims name the run, such as "{run_id}"');
}

/** Whether everything that the later rule matches is matched by the earlier one. */
function hides(earlier: ClaimRuleFile, later: ClaimRuleFile): boolean {
  return Object.entries(earlier.match).every(
    ([claim, pattern]) => Object.hasOwn(later.match, claim) && covers(pattern, later.match[claim] ?? ''),
  );
}
