// A whole Corridor, put together as `dist/main.js` does it, that kills itself as nothing else could at one step of a rotation:
//   node dying-rotation.mjs <step> before|during|after
// A step is a change of facts, by its kind, or the `intent` or `outcome` of the token that proves the new version.
import { writeSync } from 'node:fs';
import { readSettings } from '../../dist/config/settings.js';
import { Journal } from '../../dist/platform/journal.js';
import { openPlatform } from '../../dist/platform/open-platform.js';
import { startUpon } from '../../dist/start.js';

const [step, moment] = process.argv.slice(2);

function die() {
  writeSync(2, `killed ${moment} ${step}\n`);
  process.kill(process.pid, 'SIGKILL');
}

function stepsOf(sql, parameters) {
  if (sql.startsWith('call change_facts(')) return [JSON.parse(parameters[0]).kind];
  if (!sql.startsWith('call append_entries(') || !parameters[11].includes('"cause":"rotation"')) return [];
  return JSON.parse(parameters[16] ?? '[]').map(({ kind }) => kind);
}

const settings = readSettings(process.env, process.cwd());
const journal = new Journal((line) => process.stderr.write(line));
const platform = await openPlatform(settings, process.env, journal);
const database = {
  async query(sql, parameters = []) {
    if (!stepsOf(sql, parameters).includes(step)) return platform.database.query(sql, parameters);
    if (moment === 'before') die();
    const result = platform.database.query(sql, parameters);
    if (moment === 'during') setImmediate(() => setImmediate(die));
    const rows = await result;
    die();
    return rows;
  },
  close: () => platform.database.close(),
};
await startUpon({ ...platform, database }, settings, null, journal);
