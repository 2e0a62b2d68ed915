/** A text that must stand nowhere, with the word for it. */
export interface Canary {
  readonly what: string;
  readonly text: string;
}

interface Needle {
  readonly what: string;
  readonly form: string;
  readonly bytes: Buffer;
}

/**
 * Looks for canaries in whatever may hold them: in clear, in hex, and in base64 and base64url at each of the three places
 * in which they can begin in it, encoded alone or amid something else. All of them in one go, since there are many and files are large.
 */
export class Search {
  /** By their first four bytes, as one number. */
  readonly #needles = new Map<number, Needle[]>();

  constructor(canaries: readonly Canary[]) {
    for (const needle of canaries.flatMap(needlesOf)) {
      const beginning = needle.bytes.readUInt32BE();
      this.#needles.set(beginning, [...(this.#needles.get(beginning) ?? []), needle]);
    }
  }

  /** What was found, in words; `where` names the haystack. */
  in(where: string, haystack: Buffer | string): readonly string[] {
    const bytes = Buffer.from(haystack);
    const found = new Set<string>();
    let lastFour = 0;
    for (const [end, byte] of bytes.entries()) {
      lastFour = ((lastFour << 8) | byte) >>> 0;
      for (const { what, form, bytes: sought } of this.#needles.get(lastFour) ?? []) {
        const begin = end - 3;
        if (begin >= 0 && sought.equals(bytes.subarray(begin, begin + sought.length))) found.add(`${what} ${form} in ${where}`);
      }
    }
    return [...found];
  }
}

function needlesOf({ what, text }: Canary): readonly Needle[] {
  if (text.length < 8) throw new TypeError(`${what} is too short to be looked for`);
  const forms: [string, string][] = [
    ['in clear', text],
    ['escaped in JSON', JSON.stringify(text).slice(1, -1)],
    ['percent-encoded', encodeURIComponent(text)],
    ['in hex', Buffer.from(text).toString('hex')],
    ['in upper-case hex', Buffer.from(text).toString('hex').toUpperCase()],
    ...[0, 1, 2].flatMap((before): [string, string][] => [
      [`in base64 from byte ${before}`, base64Within(text, before, 'base64')],
      [`in base64url from byte ${before}`, base64Within(text, before, 'base64url')],
    ]),
  ];
  const distinct = new Map(forms.reverse().map(([form, written]) => [written, form])); // of forms that are alike the first one's name
  return [...distinct].map(([written, form]) => ({ what, form, bytes: Buffer.from(written) }));
}

/** What of its base64 does not depend on what stands around it, when so many bytes stand before it. */
function base64Within(text: string, before: number, encoding: 'base64' | 'base64url'): string {
  const bytes = Buffer.concat([Buffer.alloc(before), Buffer.from(text)]);
  const written = bytes.toString(encoding).replaceAll('=', '');
  return written.slice(Math.ceil((before * 8) / 6), Math.floor((bytes.length * 8) / 6));
}
