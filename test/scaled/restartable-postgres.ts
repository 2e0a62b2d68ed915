import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';
import { freePort } from '../rig/corridor.js';
import { postgresBinaries, unprivileged } from '../rig/postgres-binaries.js';

const PATIENCE = 60_000;

/** A PostgreSQL that dies and comes back, on the same directory and port. */
export class RestartablePostgres {
  #server: ChildProcess | null = null;

  private constructor(
    private readonly binary: string,
    private readonly owner: { readonly uid: number; readonly gid: number } | null,
    private readonly home: string,
    private readonly port: number,
    private readonly settings: readonly string[],
  ) {}

  /** Made below `base`, by default where temporary files are. @throws where there is no PostgreSQL */
  static async start(settings: readonly string[] = [], base = tmpdir()): Promise<RestartablePostgres> {
    const { initdb, postgres } = await postgresBinaries();
    const owner = process.getuid?.() === 0 ? unprivileged() : null;
    const home = mkdtempSync(join(base, 'corridor-postgres-'));
    if (owner !== null) chownSync(home, owner.uid, owner.gid);
    const options = { ...owner, cwd: home };
    const data = join(home, 'data');
    await promisify(execFile)(initdb, ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'], options);
    const server = new RestartablePostgres(postgres, owner, home, await freePort(), settings);
    await server.start();
    return server;
  }

  /** The connection string of a database. */
  url(name: string): string {
    return `postgres://postgres@127.0.0.1:${this.port}/${name}`;
  }

  get isRunning(): boolean {
    return this.#server !== null && this.#server.exitCode === null && this.#server.signalCode === null;
  }

  /** Until it accepts connections again; after a kill the last of its processes may have to end first. */
  async start(): Promise<void> {
    const { port, home } = this;
    const flags = ['listen_addresses=127.0.0.1', `port=${port}`, 'unix_socket_directories=', 'shared_buffers=32MB', ...this.settings];
    for (const until = performance.now() + PATIENCE; performance.now() < until; await wait(50)) {
      if (!this.isRunning) {
        const args = ['-D', join(home, 'data'), ...flags.flatMap((flag) => ['-c', flag])];
        this.#server = spawn(this.binary, args, { ...this.owner, cwd: home, stdio: 'ignore' });
        process.off('exit', this.#atExit).once('exit', this.#atExit);
      }
      if (await this.#accepts()) return;
    }
    throw new Error('postgres did not accept connections in time');
  }

  /** SIGKILL, as from nowhere; SIGQUIT, which is its immediate shutdown; or SIGINT, in order. */
  async end(signal: 'SIGKILL' | 'SIGQUIT' | 'SIGINT'): Promise<void> {
    const server = this.#server;
    process.off('exit', this.#atExit);
    if (server === null || !this.isRunning) return;
    const exited = once(server, 'exit');
    server.kill(signal);
    await exited;
  }

  /** Makes an empty database and gives its connection string. */
  async freshDatabase(name: string): Promise<string> {
    await this.ask(`create database ${name} template template0 encoding 'UTF8'`);
    return this.url(name);
  }

  async ask(sql: string, database = 'postgres'): Promise<readonly Record<string, unknown>[]> {
    const client = new pg.Client({ connectionString: this.url(database), connectionTimeoutMillis: 5_000 });
    client.on('error', () => undefined);
    await client.connect();
    try {
      return (await client.query<Record<string, unknown>>(sql)).rows;
    } finally {
      await client.end();
    }
  }

  async stop(): Promise<void> {
    await this.end('SIGQUIT');
    rmSync(this.home, { recursive: true, force: true });
  }

  readonly #atExit = (): void => void this.#server?.kill('SIGQUIT');

  async #accepts(): Promise<boolean> {
    try {
      await this.ask('select 1');
      return true;
    } catch {
      return false;
    }
  }
}
