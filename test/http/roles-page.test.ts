import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { roles } from '../../src/access/api-key.js';

const root = path.resolve(import.meta.dirname, '../..');
const page = readFileSync(path.join(root, 'docs/operate.md'), 'utf8');
const table = /### Roles\n[^]*?\n#/.exec(page)?.[0] ?? '';
const rows = [...table.matchAll(/^\| (`[^|]+?) +\| (.+?) *\|$/gm)].map(([, named = '', what = '']) => ({
  roles: [...named.matchAll(/`([^`]+)`/g)].map(([, role = '']) => role),
  what,
}));

const sources = path.join(root, 'src/http');
const controllers = readdirSync(sources).filter((file) => file.endsWith('.controller.ts'));
const routes = controllers
  .flatMap((file) => [
    ...readFileSync(path.join(sources, file), 'utf8').matchAll(
      /@(Get|Post|Delete)\([^)]*\)\n(?: +@HttpCode\(\d+\)\n)? +@Allow\(([^)]*)\)/g,
    ),
  ])
  .map(([, method, allowed = '']) => ({ method, allowed: [...allowed.matchAll(/[a-z-]+/g)].map(([role]) => role) }));

describe('the roles in docs/operate.md', () => {
  it('are those that there are', () => {
    expect(rows.flatMap((row) => row.roles).sort()).toEqual([...roles].sort());
  });

  it('may do nothing where no route asks for them', () => {
    const idle = rows.filter(({ what }) => what.startsWith('nothing yet')).flatMap((row) => row.roles);
    const asked = new Set(['resource-server', ...routes.flatMap(({ allowed }) => allowed)]);
    expect(idle).toEqual(roles.filter((role) => !asked.has(role)));
  });

  it('let an admin use every route, and an auditor those that read and no other', () => {
    expect(routes.length).toBeGreaterThan(20);
    expect(routes.filter(({ allowed }) => !allowed.includes('admin'))).toEqual([]);
    expect(routes.filter(({ method, allowed }) => allowed.includes('auditor') !== (method === 'Get'))).toEqual([]);
  });
});
