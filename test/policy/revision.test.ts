import { describe, expect, it } from '@jest/globals';
import { revisionOf } from '../../src/policy/revision.js';

const source = {
  files: { 'a.rego': 'package a', 'a_test.rego': 'package a_test' },
  data: { grants: [1, { b: 2, a: 1 }] },
  schemas: { input: {} },
};

describe('the revision of a policy', () => {
  it('is a digest that does not depend on the order of anything that has none', () => {
    const same = {
      schemas: { input: {} },
      data: { grants: [1, { a: 1, b: 2 }] },
      files: { 'a_test.rego': 'package a_test', 'a.rego': 'package a' },
    };
    expect(revisionOf(source)).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(revisionOf(same)).toBe(revisionOf(source));
  });

  it('changes with every part that was gated', () => {
    const others = [
      { ...source, files: { ...source.files, 'a.rego': 'package b' } },
      { ...source, files: { ...source.files, 'a_test.rego': '' } },
      { ...source, files: { 'b.rego': 'package a', 'a_test.rego': 'package a_test' } },
      { ...source, data: { grants: [{ b: 2, a: 1 }, 1] } },
      { ...source, schemas: {} },
    ];
    expect(new Set([source, ...others].map(revisionOf)).size).toBe(others.length + 1);
  });
});
