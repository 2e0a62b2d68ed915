// npm run demo: starts an authorization server, an API and Corridor, plays a day in the life, and stays up to be tried.
// With --once it ends after the day, with exit code 0 only when every step went as it must.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { play } from './play.mjs';
import { bold, Screen } from './screen.mjs';
import { CannotStart, World } from './world.mjs';

const { values } = parseArgs({ options: { once: { type: 'boolean', default: false } } });
const world = new World();
const screen = new Screen();
const interrupted = new Promise((resolve) => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => resolve('interrupted'));
});

let keepFiles = false;
try {
  const outcome = await Promise.race([day(), interrupted]);
  keepFiles = screen.failures > 0;
  if (keepFiles || outcome === 'interrupted') process.exitCode = 1;
  else if (!values.once) await interrupted;
} catch (error) {
  process.exitCode = 1;
  keepFiles = !(error instanceof CannotStart);
  console.error(keepFiles ? error : error.message);
}
if (keepFiles) console.error(`What Corridor said, and its data, stay in ${world.directory}.`);
await world.stop({ keepFiles });
process.exit();

async function day() {
  await world.start();
  screen.heading('A day in the life of Corridor');
  screen.line('Corridor', `${world.url}, its data in ${world.directory} until this ends`);
  screen.line('upstream', `${world.issuer}, oidc-provider, which knows Corridor by its public key alone`);
  screen.line('the API', `${world.api}, takes tokens of that server for https://crm.example/api`);
  const runtimeKey = await play({ world, screen });
  screen.heading(screen.failures === 0 ? 'Every step went as it must.' : `${screen.failures} things did not go as they must.`);
  if (!values.once) await suggest(runtimeKey);
}

async function suggest(runtimeKey) {
  const keyFile = path.join(world.directory, 'ci.key');
  await writeFile(keyFile, runtimeKey, { mode: 0o600 });
  const run = `CORRIDOR_KEY="$(cat ${keyFile})" corridor run --workflow nightly-index --purpose search-indexing --`;
  console.log(`
${bold('What to try next')}, in another terminal in this directory:

   export CORRIDOR_URL=${world.url} CORRIDOR_KEY="$(cat ${path.join(world.dataDirectory, 'admin.key')})"
   alias corridor='node dist/cli.js'

   corridor entries --follow
      the record, as it grows

   ${run} sh -c \\
     'curl -s -H "Authorization: Bearer $(node dist/cli.js token)" ${world.api}/customers'
      a run of your own, started by the runtime ci, around any command

   corridor suspend workflow nightly-index --reason 'a drill'
      then that run once more; and corridor resume with the id that it printed

   ${run} sh -c \\
     'curl -s -u "$OAUTH_CLIENT_ID:$OAUTH_CLIENT_SECRET" -d grant_type=client_credentials -d scope=crm:write "$OAUTH_TOKEN_URL"'
      plain OAuth, and denied: grant "crm:write" in ${world.policies}/data.json, save it, and ask again

Ctrl-C ends it all and removes its files.`);
}
