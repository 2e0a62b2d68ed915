import net from 'node:net';
import { once } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import { openPostgres } from '../../src/platform/postgres/open-postgres.js';
import { DatabaseBehind } from '../../src/platform/postgres/last-seen.js';
import { whileAway } from '../../src/platform/postgres/wait-for-server.js';
import { PlatformUnusable } from '../../src/platform/platform-unusable.js';
import { DatabaseUnavailable } from '../../src/store/database.js';

const withCode = (code: string): Error => Object.assign(new Error(`failed with ${code}`), { code });
const wrapped = (cause: unknown): PlatformUnusable => new PlatformUnusable('The database cannot be used', { cause });
const quick = { again: 1, sayEvery: 1_000 };

describe('a start that finds no database', () => {
  it.each([
    ['that is not there yet', withCode('ECONNREFUSED')],
    ['whose name is not known yet', withCode('ENOTFOUND')],
    ['that starts up', withCode('57P03')],
    ['that has no connection left', withCode('53300')],
    ['that does not answer', new Error('timeout exceeded when trying to connect')],
    ['that is a standby yet', new DatabaseUnavailable('The server of CORRIDOR_DATABASE_URL is a standby, which takes no writes.')],
  ])('waits for one %s', async (_, failure) => {
    const said: string[] = [];
    let attempts = 0;
    const open = async (): Promise<string> => {
      if (++attempts < 4) throw wrapped(failure);
      return 'opened';
    };
    expect(await whileAway(open, { within: 10_000, say: (why) => said.push(why), ...quick })).toBe('opened');
    expect(said).toEqual([failure.message]);
  });

  it.each([
    ['refuses the password', withCode('28P01')],
    ['has no such database', withCode('3D000')],
    ['has lost what was seen of it', new DatabaseBehind()],
    ['has a certificate that nobody vouches for', withCode('SELF_SIGNED_CERT_IN_CHAIN')],
    ['is too old', undefined],
  ])('does not wait for one that %s', async (_, failure) => {
    let attempts = 0;
    const refused = wrapped(failure);
    const open = (): Promise<never> => (attempts++, Promise.reject(refused));
    await expect(whileAway(open, { within: 10_000, ...quick })).rejects.toBe(refused);
    expect(attempts).toBe(1);
  });

  it('waits so long and no longer, says so now and then, and ends with a sentence that says what to do', async () => {
    const said: string[] = [];
    const open = (): Promise<never> => Promise.reject(wrapped(withCode('ECONNREFUSED')));
    const patience = { within: 1_000, say: (why: string) => said.push(why), again: 5, sayEvery: 100 };
    await expect(whileAway(open, patience)).rejects.toThrow(
      /^The database of CORRIDOR_DATABASE_URL was not there within 1 s \(CORRIDOR_DATABASE_WAIT\): .*ECONNREFUSED\. Start it, or correct the URL/,
    );
    expect(said.length).toBeGreaterThanOrEqual(2);
    expect(said.length).toBeLessThanOrEqual(11);
  });

  it('ends when it is told to stop', async () => {
    const told = new AbortController();
    setTimeout(() => told.abort(), 50);
    const open = (): Promise<never> => Promise.reject(withCode('ECONNREFUSED'));
    await expect(whileAway(open, { within: 60_000, signal: told.signal })).rejects.toThrow(/told to stop/);
  });

  it('knows a port that is closed, and one where something else is, by what the driver says', async () => {
    const server = net.createServer((socket) => socket.on('error', () => undefined).destroy()).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const url = `postgresql://someone:s3cret@127.0.0.1:${typeof address === 'object' ? address?.port : ''}/corridor`;
    for (const closed of [false, true]) {
      if (closed) await new Promise((resolve) => server.close(resolve));
      const failure: unknown = await openPostgres(url, { patience: { within: 100, again: 20 } }).catch((error: unknown) => error);
      expect(String(failure)).toContain('was not there within 0.1 s');
      expect(String(failure)).not.toContain('s3cret');
    }
  });
});
