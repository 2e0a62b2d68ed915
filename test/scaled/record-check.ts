import { z } from 'zod';
import { kinds, suspensionKinds } from './kinds.js';
import type { Call, OwnerChange, Subject } from './history.js';
import { Intervals } from './intervals.js';
import { clientOf, losing, type Resource } from './scaled-catalogue.js';

const name = z.object({ id: z.string() });
const time = z.iso.datetime().transform((text) => Date.parse(text));

/** An entry as far as it is examined here; the record gives the newest first, and this is how it came. */
export const recordedEntry = z.looseObject({
  id: z.string(),
  type: z.string(),
  time,
  run: z.string().optional(),
  ancestors: z.array(z.string()).optional(),
  owner: z.string().optional(),
  workflow: z.string().optional(),
  operator: z.looseObject({ commitment: z.string() }).optional(),
  issuance: z.string().optional(),
  resource: name.partial().optional(),
  suspension: z.string().optional(),
  kind: z.string().optional(),
  target: z.string().optional(),
  token: z.looseObject({ sha256: z.string(), expires_at: time.optional() }).optional(),
});
export type RecordedEntry = z.infer<typeof recordedEntry>;

/** What a suspension's answer listed, and how many milliseconds it took, by the suspension. */
export type Exposures = ReadonlyMap<string, { readonly listed: ReadonlySet<string>; readonly took: number }>;

/** Milliseconds: a token that ends so soon after a stop, or before it is answered, need not be in its exposure. */
const AS_GOOD_AS_OVER = 1_000;
/** By which the replicas' measures of the database's clock may differ on a busy machine. */
const CLOCKS = 250;

/**
 * Reads the record in its own order, which among releases and changes of facts is exact, and remembers what is in force: no release
 * stands between the raising and the lifting of what covers it or after the end of its run, and what a suspension finds released
 * stands in its exposure, unless it was revoked before the answer was made.
 */
export class RecordCheck {
  readonly #subjects = new Map<string, Subject>();
  readonly #inForce = new Map<string, { readonly kind: string; readonly target: string }>();
  readonly #over = new Set<string>();
  readonly #live = new Map<string, { readonly subject: Subject; readonly expiresAt: number }>();
  /** Who started a run: in the record a person is a commitment. */
  readonly #operators = new Map<string, string>();
  /** Who owns every workflow that has runs; null while the record does not say it. */
  #owner: string | null = null;
  readonly #released = new Map<string, RecordedEntry>();
  #missing: { readonly issuance: string; readonly until: number; readonly finding: string }[] = [];
  entries = 0;
  compared = 0;

  /** A run with its ancestors, which entries of releases name by id alone. */
  know(subject: Subject): void {
    if (subject.runs[0] !== undefined && subject.resource !== null) this.#subjects.set(`${subject.runs[0]} ${subject.resource}`, subject);
  }

  /** Gives what must not be, in words. The entries in the order in which they came. */
  read(entries: readonly RecordedEntry[], exposures: Exposures): readonly string[] {
    const findings: string[] = [];
    for (const entry of entries) {
      this.entries++;
      if (entry.type === 'suspension.raised') this.#raised(entry, exposures);
      if (entry.type === 'suspension.lifted') this.#inForce.delete(entry.suspension ?? '');
      if (entry.type === 'run.started' && entry.operator !== undefined) this.#operators.set(entry.run ?? '', entry.operator.commitment);
      if (entry.type === 'catalogue.changed') this.#owner = null;
      if (entry.type === 'run.ended') this.#over.add(entry.run ?? '');
      if (entry.type === 'token.revoked') this.#revoked(entry);
      if (entry.type === 'token.released') findings.push(...this.#release(entry));
    }
    findings.push(...this.#missing.map(({ finding }) => finding));
    this.#missing = [];
    return findings;
  }

  /** Whether what a client got is in the record as it got it, with an owner that its workflow had at a moment of the request. */
  heard({ begun, ended, entry: id, token, subject }: Call, owners: readonly OwnerChange[]): readonly string[] {
    const entry = this.#released.get(id ?? '');
    if (entry?.run !== subject.runs[0] || entry?.token?.sha256 !== token)
      return [`a token reached ${subject.runs[0]} without its entry ${id}`];
    const possible = owners.flatMap(({ step, owners: named }, index) =>
      named.get(entry.workflow ?? '') === entry.owner
        ? [{ from: step.begun, to: owners[index + 1] === undefined ? Infinity : (owners[index + 1]?.step.acknowledged ?? Infinity) }]
        : [],
    );
    const had = new Intervals(possible).during({ from: begun, to: ended }).length > 0;
    return had ? [] : [`${id} names ${entry.owner}, who owned ${entry.workflow} at no moment of the request`];
  }

  /** Forgets what clients need not ask about any more. */
  forget(): void {
    this.#released.clear();
  }

  #release(entry: RecordedEntry): readonly string[] {
    this.#released.set(entry.id, entry);
    this.#owner = entry.owner ?? null; // exact: a release is recorded only if its facts are those of the moment
    const subject = this.#subjects.get(`${entry.run} ${entry.resource?.id}`);
    if (subject === undefined) return [`${entry.id} is of a run that nobody started: ${entry.run}`];
    if (entry.issuance !== undefined) this.#live.set(entry.issuance, { subject, expiresAt: entry.token?.expires_at ?? 0 });
    const stops = [...this.#inForce].filter(([, { kind, target }]) => this.#covers(kind, target, subject));
    return [
      ...stops.map(([suspension]) => `${entry.id} was recorded while ${suspension} was in force`),
      ...subject.runs.filter((run) => this.#over.has(run)).map((run) => `${entry.id} was recorded after ${run} had ended`),
    ];
  }

  #raised({ suspension = '', kind = '', target = 'everything', time: at }: RecordedEntry, exposures: Exposures): void {
    this.#inForce.set(suspension, { kind, target });
    const answer = exposures.get(suspension);
    if (answer === undefined) return; // it reached nobody
    const asGoodAsOver = Math.max(AS_GOOD_AS_OVER, answer.took + CLOCKS);
    for (const [issuance, { subject, expiresAt }] of this.#live) {
      if (expiresAt < at) this.#live.delete(issuance);
      if (expiresAt < at + asGoodAsOver || !this.#covers(kind, target, subject) || perhapsOutOfReach(kind, target, subject)) continue;
      this.compared++;
      const finding = `${issuance} for ${subject.resource} was released before ${suspension} (${kind} ${target}) and is not in its exposure`;
      if (!answer.listed.has(issuance)) this.#missing.push({ issuance, until: at + answer.took + CLOCKS, finding });
    }
  }

  #covers(kind: string, target: string, subject: Subject): boolean {
    if (!suspensionKinds.includes(kind)) throw new TypeError(`a suspension of a kind that is not known: ${kind}`);
    if (kind === 'owner') return this.#owner === target;
    if (kind === 'operator') return subject.runs.some((run) => this.#operators.get(run) === target);
    return kinds[kind]?.targets(subject).includes(target) === true;
  }

  #revoked({ issuance = '', time: at }: RecordedEntry): void {
    this.#live.delete(issuance);
    this.#missing = this.#missing.filter((missing) => missing.issuance !== issuance || at > missing.until);
  }
}

/**
 * Whether a client's suspension names the token of a descendant that it may not reach at the moment: the catalogue takes `files` from
 * one workflow and gives it back, and without it the descendant's token is kept from it by that, and not by the suspension.
 */
function perhapsOutOfReach(kind: string, target: string, { resource, clients: [own] }: Subject): boolean {
  return kind === 'client' && target === clientOf(losing) && resource === ('files' satisfies Resource) && own !== target;
}
