/** PostgreSQL's text form of arrays (its manual, §8.15.6), of one dimension, as parameters go in and columns come out. */
export function arrayText(elements: readonly unknown[], elementText: (element: unknown) => string): string {
  return `{${elements.map((element) => (element === null || element === undefined ? 'NULL' : quoted(elementText(element)))).join(',')}}`;
}

/** What JSON writes differently from an array: control characters, and halves of surrogate pairs (matched with the whole ones). */
const NOT_AS_JSON = /[^ -\ud7ff\ue000-\uffff]/;

function quoted(text: string): string {
  // a flush is mostly the text of entries, and this is three times as fast
  if (!NOT_AS_JSON.test(text)) return JSON.stringify(text);
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}

export function parseArrayText(text: string, parseElement: (text: string) => unknown): unknown[] {
  const elements: unknown[] = [];
  let at = text.indexOf('{') + 1; // what stands before it are bounds, which arrays of ours do not have
  while (at < text.length && text[at] !== '}') {
    if (text[at] === '"') {
      const end = closingQuote(text, at + 1);
      elements.push(parseElement(text.slice(at + 1, end).replace(/\\(.)/gs, '$1')));
      at = end + 1;
    } else {
      const end = endOfBare(text, at);
      const bare = text.slice(at, end);
      elements.push(bare === 'NULL' ? null : parseElement(bare));
      at = end;
    }
    if (text[at] === ',') at += 1;
  }
  return elements;
}

function closingQuote(text: string, from: number): number {
  let at = from;
  while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
  return at;
}

function endOfBare(text: string, from: number): number {
  let at = from;
  while (text[at] !== ',' && text[at] !== '}') at += 1;
  return at;
}
