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
    const others = CanonicalMembers.of(members).parts;
    const all: Part[] = [];
    let next = 0;
    for (const part of this.parts) {
      for (let other = others[next]; other !== undefined && other.name <= part.name; other = others[++next]) {
        if (other.name === part.name) throw new TypeError(`the member ${part.name} is there twice`);
        all.push(other);
      }
      all.push(part);
    }
    return new CanonicalMembers([...all, ...others.slice(next)]);
  }

  /** The canonical JSON of the object that has these members. */
  toString(): string {
    return `{${this.parts.map(({ text }) => text).join(',')}}`;
  }
}
