// Runs a long tier of tests: node scripts/long-tier.mjs <tier> <rounds of a full run> [--rounds N]
// Its tests are test/<tier>/*.rounds.ts; they learn from CORRIDOR_TEST_ROUNDS how many rounds there are to be. Of a tier whose rounds are
// minutes one says --minutes N, and --graphs DIRECTORY where it draws some.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';

const usage = () => {
  console.error('usage: node scripts/long-tier.mjs <tier> <rounds of a full run> [--rounds N | --minutes N] [--graphs DIRECTORY]');
  process.exit(2);
};
const read = () => {
  try {
    const text = { type: 'string' };
    return parseArgs({ allowPositionals: true, options: { rounds: text, minutes: text, graphs: text } });
  } catch {
    return usage();
  }
};
const { positionals, values } = read();
const [tier = '', full = ''] = positionals;
const unit = tier === 'soak' ? 'minutes' : 'rounds';
const rounds = values[unit] ?? full;
const misplaced = tier === 'soak' ? values.rounds : (values.minutes ?? values.graphs);
if (positionals.length !== 2 || misplaced !== undefined || !/^[a-z]+$/.test(tier)) usage();
if (!/^[1-9]\d{0,5}$/.test(full) || !/^[1-9]\d{0,5}$/.test(rounds)) usage();
console.log(`${tier}: ${rounds} of ${full} ${unit}`);

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
  env: {
    ...process.env,
    CORRIDOR_TEST_ROUNDS: rounds,
    ...(values.graphs === undefined ? {} : { CORRIDOR_TEST_GRAPHS: path.resolve(values.graphs) }),
  },
});
const { numPassedTests, numFailedTests, numRuntimeErrorTestSuites } = JSON.parse(readFileSync(results, 'utf8'));
rmSync(directory, { recursive: true });
console.log(`${numPassedTests} passed, ${numFailedTests + numRuntimeErrorTestSuites} failed`);
process.exitCode = status === 0 && numPassedTests > 0 ? 0 : 1;
