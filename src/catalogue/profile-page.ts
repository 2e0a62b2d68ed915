import type { z } from 'zod';
import { profileShape } from './file-shape.js';
import { profileMembers } from './members-of.js';
import { profiles, standardProfile, type Profile } from './profile.js';

const BLOCK = /(<!-- made: ([a-z0-9]+) -->\n)[^]*?(<!-- end -->)/g;

/**
 * Fills in what docs/profiles.md takes from the code, between `<!-- made: X -->` and `<!-- end -->`: for `members` what each member of a
 * profile means and what it is by the standard, for a profile how it differs from that.
 */
export function fillProfilePage(page: string): string {
  return page.replaceAll(BLOCK, (_, begin: string, name: string, end: string) => {
    const profile = profiles[name];
    const table = name === 'members' ? allMembers() : profile === undefined ? null : differences(profile);
    if (table === null) throw new Error(`there is no profile ${name}`);
    return `${begin}\n${table}\n\n${end}`;
  });
}

function allMembers(): string {
  const rows = Object.entries(profileMembers(standardProfile)).map(([name, value]) => [code(name), meaningOf(name), print(value)]);
  return table(['member', 'meaning', '`standard`'], rows);
}

function differences(profile: Profile): string {
  const standard = profileMembers(standardProfile);
  const changed = Object.entries(profileMembers(profile)).filter(([name, value]) => print(value) !== print(standard[name] ?? ''));
  return table(
    ['member', `\`${profile.name}\``],
    changed.map(([name, value]) => [code(name), print(value)]),
  );
}

/** What the file's shape says of a member of profiles. */
function meaningOf(name: string): string {
  const { shape } = profileShape;
  const members: Readonly<Record<string, z.ZodType>> = {
    ...shape,
    ...Object.fromEntries(Object.entries(shape.throttling.unwrap().shape).map(([inner, each]) => [`throttling.${inner}`, each])),
  };
  // in Markdown an angle bracket begins HTML
  return (members[name]?.description ?? '').replaceAll('<', '\\<');
}

function print(value: string | readonly string[]): string {
  if (typeof value === 'string') return value === 'none' ? '–' : code(value);
  return value.length === 0 ? '–' : value.map(code).join(', ');
}

function code(text: string): string {
  return `\`${text}\``;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...rows]
    .map((row) => `| ${row.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`)
    .join('\n');
}
