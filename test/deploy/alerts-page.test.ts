import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { z } from 'zod';

const root = path.resolve(import.meta.dirname, '../..');
const page = readFileSync(path.join(root, 'docs/operate.md'), 'utf8');
const rules = z
  .object({
    groups: z.array(
      z.object({ rules: z.array(z.looseObject({ alert: z.string(), labels: z.object({ severity: z.enum(['page', 'ticket']) }) })) }),
    ),
  })
  .parse(parse(readFileSync(path.join(root, 'deploy/prometheus/alerts.yml'), 'utf8')))
  .groups.flatMap((group) => group.rules);

const rows = [...page.matchAll(/^\| `(Corridor\w+)` +\| (\w+) +\| (.+?) *\|$/gm)].map(([, alert, severity, what = '']) => ({
  alert,
  severity,
  what,
}));
/** As GitHub makes them of headings. */
const anchors = [...page.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
  heading
    .toLowerCase()
    .replace(/[^a-z0-9 -]/g, '')
    .replaceAll(' ', '-'),
);

describe('docs/operate.md', () => {
  it('says of each alert that there is what to do, and of no other', () => {
    expect(rows.map(({ alert, severity }) => [alert, severity])).toEqual(rules.map(({ alert, labels }) => [alert, labels.severity]));
    expect(rows.filter(({ what }) => what.length < 30)).toEqual([]);
  });

  it('leads nowhere in vain', () => {
    const inside = [...page.matchAll(/\]\(#([^)]+)\)/g)].map(([, anchor]) => anchor);
    expect(inside.length).toBeGreaterThan(8);
    expect(inside.filter((anchor) => !anchors.includes(anchor ?? ''))).toEqual([]);
    const files = [...page.matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)].map(([, file = '']) => file);
    for (const file of new Set(files)) expect(() => readFileSync(path.join(root, 'docs', file))).not.toThrow();
  });
});
