import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fates } from '../../src/suspensions/exposure.js';
import { suspensionKinds } from '../../src/suspensions/suspension.js';

const page = readFileSync(path.resolve(import.meta.dirname, '../../docs/stop.md'), 'utf8');

describe('the page for 3 a.m.', () => {
  it.each(suspensionKinds)('says how to stop %s', (kind) => {
    expect(page).toContain(`corridor suspend ${kind}`);
  });

  it.each(fates)('says what %s means', (fate) => {
    expect(page).toMatch(new RegExp(`^\\| \`${fate}\``, 'm'));
  });
});
