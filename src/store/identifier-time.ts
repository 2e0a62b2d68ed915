const SHAPE = /^[a-z]{3}([0-9a-hjkmnp-tv-z]{10})[0-9a-hjkmnp-tv-z]{16}$/;

/** When an identifier was made (milliseconds since 1970), or null for a text that is none: see newIdentifier. */
export function timeOfIdentifier(identifier: string): number | null {
  const time = SHAPE.exec(identifier)?.[1];
  if (time === undefined) return null;
  return [...time].reduce((sum, letter) => sum * 32 + '0123456789abcdefghjkmnpqrstvwxyz'.indexOf(letter), 0);
}
