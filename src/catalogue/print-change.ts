import type { Change, MemberChange } from './plan-change.js';

const MARKS = { add: '+', change: '~', remove: '-' } as const;

/** A plan for people: one line for each entry that comes or goes, and one for each member that changes. */
export function printChanges(changes: readonly Change[]): string {
  if (changes.length === 0) return 'Nothing would change.';
  const count = (action: Change['action']) => changes.filter((change) => change.action === action).length;
  const lines = changes.flatMap(linesOf);
  return [...lines, `${count('add')} to add, ${count('change')} to change, ${count('remove')} to remove.`].join('\n');
}

function linesOf({ action, kind, id, members }: Change): string[] {
  const title = `${MARKS[action]} ${kind} ${id}`;
  switch (action) {
    case 'add':
      return [`${title}: ${members.map(({ name, after }) => `${name} ${printValue(after)}`).join(', ')}`];
    case 'remove':
      return [title];
    case 'change':
      return [title, ...members.map((member) => `    ${member.name}: ${printDifference(member)}`)];
  }
}

function printDifference({ before, after }: MemberChange): string {
  if (typeof before === 'object' && typeof after === 'object') {
    const added = (after ?? []).filter((item) => !before?.includes(item)).map((item) => `+${item}`);
    const removed = (before ?? []).filter((item) => !after?.includes(item)).map((item) => `-${item}`);
    return [...added, ...removed].join(' ');
  }
  return `${printValue(before)} -> ${printValue(after)}`;
}

function printValue(value: MemberChange['before']): string {
  if (value === null) return '(none)';
  if (typeof value === 'string') return /\s/.test(value) ? JSON.stringify(value) : value;
  return `[${value.join(', ')}]`;
}
