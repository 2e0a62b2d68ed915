/** A parameter of a form, by name and value. */
export type Parameter = readonly [name: string, value: string];

/**
 * Encodes one text as RFC 6749 appendix B asks, with the encoder that forms have: space becomes `+`, and everything but letters,
 * digits and `*-._` is escaped. `encodeURIComponent` does neither (CONFORMANCE Q2).
 */
export function formEncode(text: string): string {
  return new URLSearchParams([['', text]]).toString().slice(1);
}

/** The body of a form. */
export function formBody(parameters: readonly Parameter[]): string {
  return new URLSearchParams(parameters.map(([name, value]) => [name, value])).toString();
}
