import type { ErrorCode, YAMLError } from 'yaml';

/** What the parser's codes mean to the one who wrote the file. */
const SENTENCES: Partial<Record<ErrorCode, string>> = {
  ALIAS_PROPS: 'an alias cannot have an anchor or a tag of its own: remove it',
  BAD_ALIAS: 'this alias or anchor has no usable name: rename it',
  BAD_COLLECTION_TYPE: 'the tag does not fit what follows it: remove the tag',
  BAD_DIRECTIVE: 'directives are not used here: remove the line that begins with %',
  BAD_DQ_ESCAPE: 'a text in double quotes has an escape that YAML does not know: use single quotes or double the backslash',
  BAD_PROP_ORDER: 'an anchor or tag stands in the wrong place: put it right before its value',
  BAD_SCALAR_START: 'a text begins with a reserved character: put it in quotes',
  BLOCK_AS_IMPLICIT_KEY: 'two members on one line: begin a new line for the second, or put the text in quotes if the colon belongs to it',
  BLOCK_IN_FLOW: 'between braces or brackets everything must be written with braces and brackets',
  KEY_OVER_1024_CHARS: 'a name is longer than 1024 characters: a quote or a line break is probably missing',
  MULTILINE_IMPLICIT_KEY: 'a name runs over several lines: a colon or a quote is probably missing',
  MULTIPLE_ANCHORS: 'a value can have one anchor only: remove the others',
  MULTIPLE_TAGS: 'a value can have one tag only: remove the others',
  NON_STRING_KEY: 'a name must be plain text: write it without brackets and tags',
  TAB_AS_INDENT: 'a tab is used for indentation: use spaces',
  TAG_RESOLVE_FAILED: 'tags are not used here: remove the word that begins with !',
  UNEXPECTED_TOKEN: 'this is not expected here: look for a missing quote, bracket or colon before it',
};

/** The parser's own words are used only where they are fixed sentences: elsewhere they may repeat what was read. */
export function syntaxFault(error: YAMLError): string {
  if (error.code === 'MISSING_CHAR' || error.code === 'BAD_INDENT') return `${error.message} (YAML)`;
  return SENTENCES[error.code] ?? 'this is not well-formed YAML: compare it with the examples in the documentation';
}
