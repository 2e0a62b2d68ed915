import { z } from 'zod';
import {
  authorizationServerShape,
  clientShape,
  frameShape,
  purposeShape,
  resourceShape,
  runtimeShape,
  workflowShape,
  type AuthorizationServerFile,
  type ClientFile,
  type PurposeFile,
  type ResourceFile,
  type RuntimeFile,
  type WorkflowFile,
} from './file-shape.js';
import { identifierPattern, identifierRule } from './member-shapes.js';
import type { Path, Report } from './problem.js';
import { nameOf, shapeFaults } from './shape-faults.js';

/** One entry of a section. `draft` has those members that are right, so that everything else can be checked against them. */
export interface Entry<T> {
  readonly id: string;
  readonly path: Path;
  readonly draft: Partial<T>;
  /** The members that are there and wrong, or missing. */
  readonly wrong: ReadonlySet<unknown>;
  /** Null when anything is wrong with it. */
  readonly whole: T | null;
}

export type Section<T> = ReadonlyMap<string, Entry<T>>;

/** The file after its shapes were checked, and before its entries were held against each other. */
export interface Entries {
  readonly timeZone: string;
  readonly suspensionsLiftedBy: 'anyone' | 'another_person';
  readonly authorizationServers: Section<AuthorizationServerFile>;
  readonly resources: Section<ResourceFile>;
  readonly purposes: Section<PurposeFile>;
  readonly workflows: Section<WorkflowFile>;
  readonly clients: Section<ClientFile>;
  readonly runtimes: Section<RuntimeFile>;
}

export function readEntries(content: unknown, report: Report): Entries {
  const members = Object.keys(frameShape.shape);
  const file = recordOf(content ?? {});
  if (file === null)
    report({ path: [], at: 'value', message: 'the file must hold members such as version and clients, not a list or a text' });
  const frame = file === null ? null : frameShape.safeParse(file);
  if (frame?.error) for (const fault of shapeFaults(frame.error.issues, [], members)) report(fault);

  const read = <T>(name: string, form: Form<T>) => readSection(file?.[name] ?? {}, name, form, report);
  return {
    timeZone: frame?.data?.time_zone ?? 'UTC',
    suspensionsLiftedBy: frame?.data?.suspensions?.lifted_by ?? 'anyone',
    authorizationServers: read('authorization_servers', { kind: 'an authorization server', ...partsOf(authorizationServerShape) }),
    resources: read('resources', { kind: 'a resource', ...partsOf(resourceShape) }),
    purposes: read('purposes', { kind: 'a purpose', ...partsOf(purposeShape) }),
    workflows: read('workflows', { kind: 'a workflow', ...partsOf(workflowShape) }),
    clients: read('clients', { kind: 'a client', ...partsOf(clientShape) }),
    runtimes: read('runtimes', { kind: 'a runtime', ...partsOf(runtimeShape) }),
  };
}

/** What the entries of a section look like: whole, and as far as they are right. */
interface Form<T> {
  readonly kind: string;
  readonly whole: z.ZodType<T>;
  readonly draft: z.ZodType<Partial<T>>;
  readonly members: readonly string[];
}

function partsOf<Shape extends z.ZodRawShape>(shape: z.ZodObject<Shape, z.core.$strict>) {
  return { whole: shape, draft: shape.partial(), members: Object.keys(shape.shape) };
}

function readSection<T>(content: unknown, name: string, form: Form<T>, report: Report): Section<T> {
  const entries = new Map<string, Entry<T>>();
  const section = recordOf(content);
  if (section === null) {
    report({ path: [name], at: 'value', message: `${name} must hold names, with ${form.kind} behind each` });
    return entries;
  }
  for (const [id, value] of Object.entries(section)) {
    const path = [name, id];
    if (!identifierPattern.test(id)) report({ path, at: 'key', message: `the name of ${form.kind} ${identifierRule}` });
    // what every object of JavaScript has could be taken for an entry where none is
    else if (id in Object.prototype) report({ path, at: 'key', message: `${id} cannot be the name of ${form.kind}: choose another` });
    entries.set(id, readEntry(id, path, value, form, report));
  }
  return entries;
}

function readEntry<T>(id: string, path: Path, value: unknown, form: Form<T>, report: Report): Entry<T> {
  const members = recordOf(value ?? {});
  if (members === null) {
    report({ path, at: 'value', message: `${nameOf(path)} must be ${form.kind}: its members, in braces or indented below it` });
    return { id, path, draft: {}, wrong: new Set(form.members), whole: null };
  }
  const whole = form.whole.safeParse(members);
  if (whole.success) return { id, path, draft: whole.data, wrong: new Set(), whole: whole.data };
  for (const fault of shapeFaults(whole.error.issues, path, form.members)) report(fault);
  const wrong = new Set(whole.error.issues.map((issue) => issue.path[0]));
  const right = Object.entries(members).filter(([member]) => !wrong.has(member) && form.members.includes(member));
  const draft = form.draft.safeParse(Object.fromEntries(right));
  return { id, path, draft: draft.success ? draft.data : {}, wrong, whole: null };
}

function recordOf(value: unknown): Record<string, unknown> | null {
  const parsed = z.record(z.string(), z.unknown()).safeParse(value);
  return parsed.success && !Array.isArray(value) ? parsed.data : null;
}
