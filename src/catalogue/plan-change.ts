import type { Catalogue } from './catalogue.js';
import { describeEntries, type DescribedEntry, type EntryKind, type Members } from './members-of.js';

/** A member whose value differs; `before` or `after` is null where it is not there. */
export interface MemberChange {
  /** As in `corridor.yaml`, with dots for what is nested. */
  readonly name: string;
  readonly before: string | readonly string[] | null;
  readonly after: string | readonly string[] | null;
}

/** What happens to one entry. `setting` stands for what the file says outside its sections. */
export interface Change {
  readonly action: 'add' | 'change' | 'remove';
  readonly kind: EntryKind | 'setting';
  readonly id: string;
  readonly members: readonly MemberChange[];
}

/** What applying `after` upon `before` would change, by kind and then by id; empty when both mean the same. */
export function planChange(before: Catalogue, after: Catalogue): Change[] {
  const old = new Map(describeEntries(before).map((entry) => [keyOf(entry), entry]));
  const changes: Change[] = differences(settingsOf(before), settingsOf(after)).map((member) => ({
    action: 'change',
    kind: 'setting',
    id: member.name,
    members: [member],
  }));
  for (const entry of describeEntries(after)) {
    const former = old.get(keyOf(entry));
    old.delete(keyOf(entry));
    const members = differences(former?.members ?? {}, entry.members);
    if (members.length > 0) changes.push({ action: former === undefined ? 'add' : 'change', kind: entry.kind, id: entry.id, members });
  }
  for (const entry of old.values())
    changes.push({ action: 'remove', kind: entry.kind, id: entry.id, members: differences(entry.members, {}) });
  return changes.sort((a, b) => ORDER.indexOf(a.kind) - ORDER.indexOf(b.kind) || (a.id < b.id ? -1 : 1));
}

const ORDER: readonly Change['kind'][] = ['setting', 'authorization server', 'resource', 'purpose', 'workflow', 'client', 'runtime'];

/** What the file says outside its sections. */
function settingsOf(catalogue: Catalogue): Members {
  return { time_zone: catalogue.timeZone, 'suspensions.lifted_by': catalogue.suspensionsLiftedBy ?? 'anyone' };
}

function keyOf({ kind, id }: DescribedEntry): string {
  return `${kind} ${id}`;
}

function differences(before: Members, after: Members): MemberChange[] {
  const names = [...new Set([...Object.keys(after), ...Object.keys(before)])];
  return names
    .map((name) => ({ name, before: before[name] ?? null, after: after[name] ?? null }))
    .filter((member) => !isSame(member.before, member.after));
}

/** Lists are sets: their order means nothing. */
function isSame(a: MemberChange['before'], b: MemberChange['before']): boolean {
  const canonical = (value: MemberChange['before']) => JSON.stringify(Array.isArray(value) ? value.toSorted() : value);
  return canonical(a) === canonical(b);
}
