import canonicalize from 'canonicalize';

/** What may stand in an entry. A member that is undefined is left out. */
export type EntryValue = string | number | boolean | null | readonly EntryValue[] | EntryMembers;
export interface EntryMembers {
  readonly [member: string]: EntryValue | undefined;
}

interface Part {
  readonly name: string;
  readonly text: string;
}

/**
 * Members of an object in canonical JSON (RFC 8785). Writing them takes most of the time that an entry takes, so what many entries say
 * alike is written once, and each adds what is its own.
 */
export class CanonicalMembers {
  #around: { readonly names: readonly string[]; readonly texts: readonly string[] } | null = null;

  private constructor(private readonly parts: readonly Part[]) {}

  static of(members: EntryMembers): CanonicalMembers {
    const parts: Part[] = [];
    // §3.2.3: by UTF-16 code units, which is how sort compares
    for (const name of Object.keys(members).sort()) {
      const value = members[name];
      if (value !== undefined) parts.push({ name, text: `${JSON.stringify(name)}:${canonicalize(value)}` });
    }
    return new CanonicalMembers(parts);
  }

  /** These and those together; neither changes. @throws TypeError for a member that both have */
  with(members: EntryMembers): CanonicalMembers {
    const parts = [...this.parts, ...CanonicalMembers.of(members).parts].sort((a, b) => (a.name < b.name ? -1 : 1));
    const twice = parts.find(({ name }, place) => parts[place + 1]?.name === name);
    if (twice !== undefined) throw new TypeError(`the member ${twice.name} is there twice`);
    return new CanonicalMembers(parts);
  }

  /**
   * The canonical JSON of the object that has these members and the named ones, but for the values of those: what stands before the
   * first of them, between them, and after the last. The names ascend. @throws TypeError for a member that is there
   */
  textAround(names: readonly string[]): readonly string[] {
    if (this.#around?.names === names) return this.#around.texts;
    const gap = '\0'; // which canonical JSON cannot contain
    const { parts } = this.with(Object.fromEntries(names.map((name) => [name, null])));
    const texts = `{${parts.map(({ name, text }) => (names.includes(name) ? `${JSON.stringify(name)}:${gap}` : text)).join(',')}}`.split(
      gap,
    );
    this.#around = { names, texts };
    return texts;
  }
}
