/** A text with the values of signed claims in it, such as `{repository}@{sha}`, taken apart: literals and claims in turn. */
export interface ClaimTemplate {
  readonly literals: readonly [string, ...string[]];
  /** One less than literals: each stands before the literal of the next index. */
  readonly claims: readonly string[];
}

const CLAIM = /\{([^{}]*)\}/;
/** The name of a claim at the top, or a JSON Pointer (RFC 6901) into claims that are nested. */
const CLAIM_NAME = /^(\/[^/{}\p{Cc}]+)+$|^[^/{}\p{Cc}][^{}\p{Cc}]*$/u;
const MAX_NAME = 200;

/** A problem is a sentence that follows the member's name. */
export function parseTemplate(text: string): ClaimTemplate | { readonly problem: string } {
  const [first = '', ...rest] = text.split(CLAIM);
  const literals: [string, ...string[]] = [first];
  const claims: string[] = [];
  for (let index = 0; index < rest.length; index += 2) {
    claims.push(rest[index] ?? '');
    literals.push(rest[index + 1] ?? '');
  }
  if (literals.some((literal) => /[{}]/.test(literal))) return { problem: 'has a brace without its partner: write claims as {name}' };
  const unnamed = claims.find((claim) => !isClaimName(claim));
  if (unnamed !== undefined) return { problem: 'names no claim between its braces: write {name}, or {/outer/inner} for a nested claim' };
  return { literals, claims };
}

export function isClaimName(name: string): boolean {
  return name.length <= MAX_NAME && CLAIM_NAME.test(name);
}

/** The text with its claims filled in; null when one of them has no value. */
export function fillTemplate(
  { literals: [first, ...rest], claims }: ClaimTemplate,
  valueOf: (claim: string) => string | null,
): string | null {
  let text = first;
  for (const [index, claim] of claims.entries()) {
    const value = valueOf(claim);
    if (value === null) return null;
    text += value + (rest[index] ?? '');
  }
  return text;
}
