import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { catalogueTemplate } from '../catalogue/template.js';
import { packageRoot } from '../platform/package-root.js';
import { CommandFailed } from './command-failed.js';
import type { Register } from './command.js';

/** corridor init: a commented corridor.yaml; an existing file is never touched. */
export const registerInit: Register = (program, surroundings) => {
  program
    .command('init')
    .description('write a commented corridor.yaml')
    .argument('[file]', 'where', 'corridor.yaml')
    .action(async (name: string) => {
      const file = path.resolve(surroundings.directory, name);
      try {
        await writeFile(file, catalogueTemplate(schemaSeenFrom(file)), { flag: 'wx' });
      } catch (error) {
        const exists = error instanceof Error && 'code' in error && error.code === 'EEXIST';
        throw new CommandFailed(exists ? `${file} is there already; nothing was changed.` : `${file} cannot be written.`);
      }
      surroundings.out(
        `${file} written. Describe your authorization servers, clients and workflows in it, then: corridor serve, or corridor apply -f ${name}`,
      );
    });
};

/** Editors take a path relative to the file. */
function schemaSeenFrom(file: string): string {
  return path.relative(path.dirname(file), path.join(packageRoot(import.meta.url), 'docs', 'corridor.schema.json'));
}
