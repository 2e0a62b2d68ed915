// A whole Corridor, put together as `dist/main.js` does it, over ports that freeze it when it is told to: see frost.mjs.
import { readFile } from 'node:fs/promises';
import { readSettings } from '../../dist/config/settings.js';
import { Journal } from '../../dist/platform/journal.js';
import { openPlatform } from '../../dist/platform/open-platform.js';
import { startUpon } from '../../dist/start.js';
import { watchedDatabase, watchedHttp, watchReplies } from '../crash/watched-ports.mjs';
import { Frost } from './frost.mjs';

const frost = new Frost();
watchReplies(frost);

const settings = readSettings(process.env, process.cwd());
const journal = new Journal((line) => process.stderr.write(line));
const platform = await openPlatform(settings, process.env, journal);
const ports = { database: watchedDatabase(platform.database, frost), http: watchedHttp(platform.http, frost) };
const corridor = await startUpon({ ...platform, ...ports }, settings, await readFile(settings.configFile, 'utf8'), journal);
process.once('SIGTERM', () => void corridor.stop());
