// Runs a long tier of tests: node scripts/long-tier.mjs <tier> <rounds of a full run> [--rounds N]
// Its tests are test/<tier>/*.rounds.ts; they learn from CORRIDOR_TEST_ROUNDS how many rounds there are to be.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';

const usage = () => {
  console.error('usage: node scripts/long-tier.mjs <tier> <rounds of a full run> [--rounds N]');
  process.exit(2);
};
const read = () => {
  try {
    return parseArgs({ allowPositionals: true, options: { rounds: { type: 'string' } } });
  } catch {
    return usage();
  }
};
const { positionals, values } = read();
const [tier = '', full = ''] = positionals;
const rounds = values.rounds ?? full;
if (positionals.length !== 2 || !/^[a-z]+$/.test(tier) || !/^[1-9]\d{0,5}$/.test(full) || !/^[1-9]\d{0,5}$/.test(rounds)) usage();
console.log(`${tier}: ${rounds} of ${full} rounds`);

const directory = mkdtempSync(path.join(os.tmpdir(), 'corridor-tier-'));
const results = path.join(directory, 'results.json');
const jest = [
  'node_modules/jest/bin/jest.js',
  '--runInBand',
  '--testRegex',
  `test/${tier}/[^/]*\\.rounds\\.ts$`,
  '--json',
  '--outputFile',
  results,
];
const { status } = spawnSync(process.execPath, ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning', ...jest], {
  cwd: path.join(import.meta.dirname, '..'),
  stdio: 'inherit',
  env: { ...process.env, CORRIDOR_TEST_ROUNDS: rounds },
});
const { numPassedTests, numFailedTests, numRuntimeErrorTestSuites } = JSON.parse(readFileSync(results, 'utf8'));
rmSync(directory, { recursive: true });
console.log(`${numPassedTests} passed, ${numFailedTests + numRuntimeErrorTestSuites} failed`);
process.exitCode = status === 0 && numPassedTests > 0 ? 0 : 1;
