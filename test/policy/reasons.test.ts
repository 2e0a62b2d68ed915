import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { policyFailureCodes } from '../../src/policy/decision.js';

const root = join(import.meta.dirname, '../..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

function found(text: string, pattern: RegExp): string[] {
  return [...text.matchAll(pattern)].map(([, code]) => code ?? '');
}

describe('the list of reason codes', () => {
  const documented = new Set(found(read('docs/reasons.md'), /`([a-z][a-z0-9_]*)`/g));

  it('names every code of a policy that gave no usable answer', () => {
    const codes = Object.values(policyFailureCodes);
    expect(codes.filter((code) => !documented.has(code))).toEqual([]);
  });

  it('names every code of the starter policy', () => {
    const files = readdirSync(join(root, 'policies')).filter((name) => name.endsWith('.rego') && !name.endsWith('_test.rego'));
    const codes = files.flatMap((name) => found(read(`policies/${name}`), /"code": "([a-z_]+)"/g));
    expect(codes).toContain('granted');
    expect(codes.filter((code) => !documented.has(code))).toEqual([]);
  });

  it('names every code of the guardrails', () => {
    const source = read('src/issuance/load-context.ts');
    const codes = found(source, /(?:code: |unauthorized\(|invalidTarget\()'([a-z_]+)'/g).concat(found(source, /'(run_[a-z]+)'/g));
    expect(codes).toEqual(expect.arrayContaining(['run_ended', 'run_expired', 'suspended', 'scope_unknown', 'no_client']));
    expect(codes.filter((code) => !documented.has(code))).toEqual([]);
  });

  it('names every fault of an authorization server', () => {
    const union = /export type UpstreamFault =([^;]+);/.exec(read('src/upstreams/token.ts'))?.[1] ?? '';
    const codes = found(union, /'([a-z_]+)'/g);
    expect(codes).toContain('client_refused');
    expect(codes.filter((code) => !documented.has(code))).toEqual([]);
  });
});
