// Runs the tests of test/quirks and writes docs/quirks.md of what came of them. Run when a quirk is added or told otherwise; a test
// tells when it was forgotten.
import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { transformFile } from '@swc/core';
import * as prettier from 'prettier';

const root = path.resolve(import.meta.dirname, '..');
const target = path.join(root, 'docs/quirks.md');
const directory = await mkdtemp(path.join(os.tmpdir(), 'corridor-quirks-'));
const report = path.join(directory, 'report.json');
try {
  const jest = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning', 'node_modules/jest/bin/jest.js'];
  // all but the one that compares the page
  const run = [...jest, '--testRegex', 'test/quirks/(?!page).*\\.test\\.ts$', '--json', `--outputFile=${report}`];
  const { status } = spawnSync(process.execPath, run, { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });

  const tested = new Map();
  for (const file of JSON.parse(await readFile(report, 'utf8')).testResults) {
    for (const { title, status: result } of file.assertionResults) {
      const id = /\((Q\d+)\)$/.exec(title)?.[1];
      if (id !== undefined) tested.set(id, { file: path.relative(root, file.name), result: result === 'passed' ? 'passes' : 'fails' });
    }
  }

  const { code } = await transformFile(path.join(root, 'test/quirks/quirks.ts'), {
    jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
    module: { type: 'es6' },
  });
  const { printQuirks } = await import(`data:text/javascript,${encodeURIComponent(code)}`);
  const options = { ...(await prettier.resolveConfig(target)), parser: 'markdown' };
  await writeFile(target, await prettier.format(printQuirks(tested), options));
  console.log('wrote docs/quirks.md');
  process.exitCode = status ?? 1;
} finally {
  await rm(directory, { recursive: true });
}
