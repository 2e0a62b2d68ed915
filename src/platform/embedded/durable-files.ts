import type { PGlite, postgresMod } from '@electric-sql/pglite';
import { NodeFS } from '@electric-sql/pglite/nodefs';
import { fdatasyncSync } from 'node:fs';

type Module = postgresMod.PostgresMod;

/** The part of Emscripten's NODEFS that its types leave out: `nfd` is the descriptor of the real file or directory. */
interface NodeFiles {
  readonly stream_ops: { fsync?: (stream: { readonly nfd: number }) => number };
}

/**
 * The files of an embedded database, on disk when PostgreSQL asks for it.
 *
 * PGlite by itself never syncs: its file system has no fsync operation, and a system call without one succeeds. Here fsync reaches the
 * disk. When it fails the error passes through PostgreSQL untouched, so that nothing after it is answered: see PgliteSession.
 */
export class DurableFiles extends NodeFS {
  #syncs = 0;

  /** How often PostgreSQL asked for a sync and got it. */
  get syncs(): number {
    return this.#syncs;
  }

  override async init(pglite: PGlite, options: Partial<Module>): Promise<{ emscriptenOpts: Partial<Module> }> {
    const { emscriptenOpts } = await super.init(pglite, options);
    const withSync = (module: Module): void => {
      const files = module.NODEFS as unknown as NodeFiles;
      files.stream_ops.fsync = ({ nfd }) => {
        fdatasyncSync(nfd);
        this.#syncs += 1;
        return 0;
      };
    };
    return { emscriptenOpts: { ...emscriptenOpts, preRun: [...(emscriptenOpts.preRun ?? []), withSync] } };
  }
}
