// A whole Corridor, put together as `dist/main.js` does it, over ports that kill it:
//   node dying-corridor.mjs <step> <the time that counts> <milliseconds>
import { readSettings } from '../../dist/config/settings.js';
import { Journal } from '../../dist/platform/journal.js';
import { openPlatform } from '../../dist/platform/open-platform.js';
import { startUpon } from '../../dist/start.js';
import { Fate } from './fate.mjs';
import { watchedDatabase, watchedHttp, watchReplies } from './watched-ports.mjs';

const [step, occurrence, milliseconds] = process.argv.slice(2);
const fate = new Fate(step, Number(occurrence), Number(milliseconds));
watchReplies(fate);

const settings = readSettings(process.env, process.cwd());
const journal = new Journal((line) => process.stderr.write(line));
const platform = await openPlatform(settings, process.env, journal);
const ports = { database: watchedDatabase(platform.database, fate), http: watchedHttp(platform.http, fate) };
await startUpon({ ...platform, ...ports }, settings, null, journal);
fate.arm();
