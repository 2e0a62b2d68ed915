import { cp, mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '../..');

export interface NextBuild {
  /** What serves. */
  readonly script: string;
  remove(): Promise<void>;
}

/** This Corridor as it is built, with further migrations: name → script. */
export async function nextBuild(migrations: Readonly<Record<string, string>>): Promise<NextBuild> {
  const directory = await mkdtemp(path.join(os.tmpdir(), 'corridor-next-'));
  for (const part of ['dist', 'prisma', 'package.json']) await cp(path.join(root, part), path.join(directory, part), { recursive: true });
  for (const part of ['node_modules', 'policy-compiler']) await symlink(await realpath(path.join(root, part)), path.join(directory, part));
  for (const [name, script] of Object.entries(migrations)) {
    await mkdir(path.join(directory, 'prisma/migrations', name));
    await writeFile(path.join(directory, 'prisma/migrations', name, 'migration.sql'), script);
  }
  return { script: path.join(directory, 'dist/main.js'), remove: () => rm(directory, { recursive: true, force: true }) };
}
