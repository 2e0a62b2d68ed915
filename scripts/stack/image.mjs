// What the Dockerfile's last stage holds, as a directory of this machine: production dependencies alone, and the files that it copies.
import { execFile } from 'node:child_process';
import { chmod, copyFile, cp, mkdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

const root = path.resolve(import.meta.dirname, '../..');

/** @returns {Promise<{ entrypoint: string[], user: { uid: number, gid: number } }>} */
export async function layOutImage(directory) {
  const stage = lastStage(await readFile(path.join(root, 'Dockerfile'), 'utf8'));
  await mkdir(directory, { recursive: true, mode: 0o755 });
  for (const file of ['package.json', 'package-lock.json', '.npmrc']) await copyFile(path.join(root, file), path.join(directory, file));
  const npm = ['ci', '--omit=dev', '--prefer-offline', '--loglevel=error'];
  await promisify(execFile)('npm', npm, { cwd: directory, env: { ...process.env, NODE_ENV: 'production' } });
  for (const file of ['package-lock.json', '.npmrc']) await rm(path.join(directory, file));
  for (const { sources, target } of stage.copies) {
    for (const source of sources.filter((name) => name !== 'node_modules')) {
      const goal = path.join(directory, target.endsWith('/') ? path.join(target, path.basename(source)) : target);
      await cp(path.join(root, source), goal, { recursive: true });
    }
  }
  await chmod(directory, 0o755); // whoever runs it is not who made it
  return stage;
}

/** What the last stage copies from the first, and how it starts. */
export function lastStage(dockerfile) {
  const instructions = dockerfile
    .replace(/^\s*#.*\n/gm, '')
    .replace(/\\\n/g, ' ')
    .split('\n')
    .map((line) => line.trim());
  const stage = instructions.slice(instructions.findLastIndex((line) => /^FROM\s/i.test(line)));
  const only = (name) => stage.filter((line) => line.startsWith(`${name} `)).map((line) => line.slice(name.length + 1).trim());
  const copies = only('COPY').map((words) => {
    const [from, ...names] = words.split(/\s+/);
    if (from !== '--from=build') throw new Error(`COPY ${words}: from the first stage alone`);
    const target = names.pop();
    return { sources: names.map((name) => path.relative('/app', name)), target };
  });
  const [uid, gid] = only('USER').at(-1).split(':').map(Number);
  return { copies, entrypoint: JSON.parse(only('ENTRYPOINT').at(-1)), user: { uid, gid } };
}
