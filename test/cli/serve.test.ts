import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import net from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { cli, corridorCommand, startCommand, until } from '../rig/command-line.js';
import { startCorridor, type RunningCorridor } from '../rig/corridor.js';
import { copyTemplate } from '../rig/template.js';

let dataDir: string;
let running: RunningCorridor;
let env: Record<string, string>;
beforeAll(async () => {
  dataDir = await copyTemplate();
  running = await startCorridor({ catalogue: 'version: 1\n', script: [cli, 'serve'], dataDir });
  env = { CORRIDOR_DATA_DIR: dataDir };
}, 60_000);
afterAll(async () => {
  await running.stop();
  await rm(dataDir, { recursive: true, force: true });
});

describe('corridor serve', () => {
  it('says where it listens, and is found there by its data directory', async () => {
    await until(() => running.output().includes(`Corridor is listening at ${running.url}\n`));
    expect(await corridorCommand(['key', 'list'], env)).toMatchObject({ code: 0, out: expect.stringContaining('admin') });
  });

  it('does not share its directory, nor a port', async () => {
    const port = new URL(running.url).port;
    expect(await corridorCommand(['serve'], { ...env, CORRIDOR_PORT: port })).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringMatching(/^Port \d+ at 127\.0\.0\.1 is in use.*\n$/),
    });
    expect(await corridorCommand(['serve'], { ...env, CORRIDOR_PORT: '0' })).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringMatching(/^Another Corridor \(process \d+\) is using .*\n$/),
    });
  });
});

describe('corridor serve --role', () => {
  it('is one of three, and parts nothing where one process is alone with its database', async () => {
    expect(await corridorCommand(['serve', '--role', 'boss'], env)).toMatchObject({ code: 2, err: expect.stringContaining('api, worker') });
    expect(await corridorCommand(['serve', '--role', 'worker'], { ...env, CORRIDOR_PORT: '0' })).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringMatching(/^CORRIDOR_ROLE is worker, and CORRIDOR_DATABASE_URL is not set: .*\n$/),
    });
  });
});

describe('the key of a data directory', () => {
  it('is not sent to a Corridor elsewhere', async () => {
    const asked: string[] = [];
    const other = net.createServer((socket) => socket.on('data', (bytes) => void asked.push(bytes.toString())).end());
    await once(other.listen(0, '127.0.0.1'), 'listening');
    const address = other.address();
    const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
    expect(await corridorCommand(['entries'], { ...env, CORRIDOR_URL: url })).toMatchObject({
      code: 1,
      err: expect.stringContaining('set CORRIDOR_KEY'),
    });
    other.close();
    expect(asked).toEqual([]);
    expect(await corridorCommand(['entries', '--limit', '1'], { ...env, CORRIDOR_URL: `${running.url}/` })).toMatchObject({ code: 0 });
  });
});

describe('corridor migrate', () => {
  it('lets a directory be that is in use, and brings one up to date that is not', async () => {
    expect(await corridorCommand(['migrate'], env)).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringMatching(/^Another Corridor \(process \d+\) is using .*: stop it, or set CORRIDOR_DATA_DIR.*\n$/),
    });
    await running.stop();
    expect(await corridorCommand(['migrate'], env)).toEqual({ code: 0, out: `The database in ${dataDir} is up to date.\n`, err: '' });
  });
});

describe('corridor demo', () => {
  it('fails with one message when its port is taken', async () => {
    const taken = net.createServer();
    const settled = new Promise((resolve) => taken.once('listening', resolve).once('error', resolve)); // taken by another is as well
    taken.listen(9400, '127.0.0.1');
    await settled;
    const demo = await startCommand(['demo', '--once']).finished;
    taken.close();
    expect(demo.code).toBe(1);
    expect(demo.err).toMatch(/9400/);
    expect(demo.err).not.toMatch(/^\s+at /m);
  });
});
