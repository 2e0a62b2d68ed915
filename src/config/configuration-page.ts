import { clientPrefix, definitions, fileVariable, type Variable } from './variables.js';

const BLOCK = /(<!-- made: variables -->\n)[^]*?(<!-- end -->)/;

/** Fills in the table of docs/configuration.md, between `<!-- made: variables -->` and `<!-- end -->`: every variable, as it is defined. */
export function fillConfigurationPage(page: string): string {
  return page.replace(BLOCK, (_, begin: string, end: string) => `${begin}\n${table()}\n\n${end}`);
}

function table(): string {
  const clients = [
    code(`${clientPrefix}…`),
    '–',
    'the only variables that `env:` references of clients may read',
    secrecy(`${clientPrefix}…`),
  ];
  const rows = definitions.map(([name, variable]) => [
    code(name),
    defaultOf(variable),
    variable.meaning,
    variable.secret === true ? secrecy(name) : '–',
  ]);
  return [['variable', 'default', 'what', 'secret'], Array.from({ length: 4 }, () => '---'), ...rows, clients]
    .map((row) => `| ${row.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`)
    .join('\n');
}

function defaultOf({ default: value, unset }: Variable<unknown>): string {
  return value === null ? (unset ?? 'unset') : code(value);
}

function secrecy(name: string): string {
  return `or in the file of ${code(fileVariable(name))}`;
}

function code(text: string): string {
  return `\`${text}\``;
}
