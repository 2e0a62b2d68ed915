import { readYaml } from '../../src/catalogue/yaml-text.js';
import { example, exampleWith, problemsOf } from './example.js';

describe('the YAML of a catalogue file', () => {
  it.each([
    ['a tab as indentation', exampleWith('    client_id', '\tclient_id'), '15:1: a tab is used for indentation: use spaces'],
    [
      'a name that stands twice',
      exampleWith('    resources: [crm]', '    resources: [crm]\n    resources: [crm]'),
      '20:5: this name stands here twice: remove one of the two',
    ],
    [
      'a tag',
      exampleWith('client_id: corridor', 'client_id: !x corridor'),
      '15:16: tags are not used here: remove the word that begins with !',
    ],
    [
      'a tag of an older YAML',
      exampleWith('client_id: corridor', 'client_id: !!binary corridor'),
      '15:16: tags are not used here: remove the word that begins with !',
    ],
    [
      'an alias of nothing',
      exampleWith('resources: [crm]', 'resources: *nope'),
      '19:16: an alias names an anchor that does not stand before it: define the anchor or write the value out',
    ],
    [
      'an older version of YAML',
      `%YAML 1.1\n---\n${example}`,
      '1:1: the file declares another version of YAML than 1.2: take the %YAML line out',
    ],
    [
      'a second document',
      `${example}---\nversion: 1\n`,
      '26:1: the file must hold one document: remove the second --- and what follows it',
    ],
    ['a list as a name', exampleWith('  billing:', '  [billing]:'), '7:3: a name must be plain text: write it without brackets and tags'],
    [
      'an open bracket',
      exampleWith('[crm:read, crm:write]', '[crm:read, crm:write'),
      '6:146: Flow sequence in block collection must be sufficiently indented and end with a ] (YAML)',
    ],
    [
      'a colon too many',
      exampleWith('client_id: corridor-indexer', 'client_id: corridor: indexer'),
      '15:16: two members on one line: begin a new line for the second, or put the text in quotes if the colon belongs to it',
    ],
  ])('is refused for %s', (_, text, problem) => {
    expect(problemsOf(text)).toEqual([problem]);
  });

  it('finds its places also with Windows line ends and a byte order mark', () => {
    expect(problemsOf(`\uFEFF${exampleWith('version: 1', 'version: 2').replaceAll('\n', '\r\n')}`)).toEqual([
      '1:10: version must be 1, without quotes',
    ]);
    expect(problemsOf(exampleWith('resources: [crm]', 'resources: [crmm]').replaceAll('\n', '\r\n'))).toEqual([
      '19:17: there is no resource crmm: did you mean crm?',
    ]);
  });

  it('takes words of older YAML for texts', () => {
    expect(readYaml('a: yes\nb: 0777\nc: 2001-01-01\n0x10: 1\nnull: 2').content).toEqual({
      a: 'yes',
      b: 777,
      c: '2001-01-01',
      '0x10': 1,
      null: 2,
    });
  });

  it('does not let aliases multiply', () => {
    const lines = ['a: &a [x, x, x, x, x, x, x, x, x, x]'];
    for (let letter = 98; letter < 106; letter++) {
      const before = `*${String.fromCharCode(letter - 1)}`;
      lines.push(`${String.fromCharCode(letter)}: &${String.fromCharCode(letter)} [${Array(10).fill(before).join(', ')}]`);
    }
    expect(readYaml(lines.join('\n')).problems).toEqual([
      { line: 2, column: 8, message: 'the aliases repeat too much: write out what they stand for' },
    ]);
  });

  it('bears an alias of what it stands in', () => {
    expect(problemsOf('version: 1\nclients: &a { b: *a }\n')[0]).toMatch(/^2:/);
  });

  it.each(['[', '{a: ', '- ', '? ', 'a: ', '- a: ', ': ', '&a [', '!a '])('is bounded in depth and length (%j)', (text) => {
    expect(readYaml(text.repeat(4_000)).problems.length).toBeGreaterThan(0);
    expect(readYaml(text.repeat(1_100_000)).problems).toEqual([
      { line: 1, column: 1, message: 'the file is longer than 1 MiB: look for what does not belong into a catalogue' },
    ]);
  });

  it('is refused for nesting that no catalogue has', () => {
    const text = Array.from({ length: 60 }, (_, depth) => `${' '.repeat(depth)}a:\n`).join('');
    expect(readYaml(text).problems).toEqual([
      { line: 1, column: 1, message: 'the file is nested more than 48 levels deep: no catalogue is' },
    ]);
  });
});
