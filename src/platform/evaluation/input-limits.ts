/** Of one input: far more than any request needs, and little enough for the module's parser and its stack. */
export const inputLimits = { bytes: 256 * 1024, depth: 32 };

export function isWithinLimits(json: string): boolean {
  return Buffer.byteLength(json) <= inputLimits.bytes && !isDeeper(json, inputLimits.depth);
}

/** Whether arrays and objects are nested deeper than this. `json` is well-formed. */
function isDeeper(json: string, limit: number): boolean {
  let depth = 0;
  let inText = false;
  for (let at = 0; at < json.length; at++) {
    const character = json.charCodeAt(at);
    if (character === QUOTE) inText = !inText;
    else if (inText) {
      if (character === BACKSLASH) at++;
    } else if (character === OPEN_BRACE || character === OPEN_BRACKET) {
      if (++depth > limit) return true;
    } else if (character === CLOSE_BRACE || character === CLOSE_BRACKET) depth--;
  }
  return false;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
