import { expect, it } from '@jest/globals';
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import * as prettier from 'prettier';
import type { Received } from '../crash/agents.js';
import { say } from '../scaled/say.js';
import { account } from './accounts.js';
import { befall } from './faults.js';
import { graphsOf } from './graphs.js';
import { judge } from './judge.js';
import { Load } from './load.js';
import { fillSoakPage } from './page.js';
import { remainsIn, Sampler } from './sampler.js';
import type { Befallen, Sample, Soak } from './samples.js';
import { lasting, SoakWorld } from './soak-world.js';

const minutes = Number(process.env['CORRIDOR_TEST_ROUNDS'] ?? 1);
const graphs = process.env['CORRIDOR_TEST_GRAPHS'];
/** Intervals of two seconds, at full load: while code is compiled, and while it is measured. */
const WARM_UP = 5;
const MEASURED = 5;
/** Milliseconds until what is due when the load ends must be done: the deadline of a run, retries, and the close of an intent. */
const PATIENCE = 120_000;

it(
  'goes on for so long at half load with faults, and nothing grows',
  async () => {
    const directory = mkdtempSync(path.join(os.tmpdir(), 'corridor-soak-'));
    say(`soak: samples in ${directory}/samples.jsonl`);
    const world = await SoakWorld.start();
    const load = Load.start(await world.loadSettings());
    try {
      const soak = await run(world, load, (sample) => appendFileSync(path.join(directory, 'samples.jsonl'), `${JSON.stringify(sample)}\n`));
      const judgements = judge(soak);
      for (const { what, found, holds } of judgements) say(`${holds ? '  ' : '! '}${what}: ${found}`);
      writeFileSync(path.join(directory, 'soak.json'), JSON.stringify({ ...soak, samples: 'samples.jsonl', judgements }));
      writeGraphs(graphs ?? directory, soak);
      if (graphs !== undefined) await fillPage(`${graphs}.md`, soak);
      say(`soak: graphs in ${graphs ?? directory}`);
      expect(judgements.filter(({ holds }) => !holds)).toEqual([]);
    } finally {
      load.kill();
      await world.stop();
    }
  },
  minutes * 60_000 + 600_000,
);

async function run(world: SoakWorld, load: Load, kept: (sample: Sample) => void): Promise<Soak> {
  const received: Received[] = [];
  let answered = 0;
  const next = async () => {
    const interval = await load.next();
    if (interval !== null) {
      received.push(...interval.received);
      answered += interval.tokens;
    }
    return interval;
  };

  load.pace(null);
  for (let interval = 0; interval < WARM_UP; interval++) await next();
  let measured = 0;
  for (let interval = 0; interval < MEASURED; interval++) measured += (await next())?.tokens ?? 0;
  if (measured === 0) throw new Error(`no token is to be had. The first replica said:\n${world.corridor('api-1').output()}`);
  const capacity = measured / (MEASURED * 2);
  const rate = capacity / 2;
  say(`soak: ${capacity.toFixed(0)} requests/s at full load, of which ${rate.toFixed(0)} are offered for ${minutes} minutes`);
  load.pace(rate);
  await next();

  const [samples, faults]: [Sample[], Befallen[]] = [[], []];
  const sampler = new Sampler(world);
  const began = (await next())?.at ?? Date.now();
  const now = (): number => (Date.now() - began) / 1000;
  const befalling = befall(world, minutes, now, (fault) => {
    faults.push(fault);
    say(`soak: ${fault.from.toFixed(0)}–${fault.to.toFixed(0)} s of ${minutes * 60}: ${fault.name}`);
  });
  befalling.catch(() => undefined); // it is awaited below
  while (now() < minutes * 60) {
    const interval = await next();
    if (interval === null) throw new Error('the agents are gone');
    const sample = await sampler.take(interval, (interval.at - began) / 1000);
    samples.push(sample);
    kept(sample);
  }
  await befalling;

  load.end();
  while ((await next()) !== null);
  let remains = await remainsIn(world);
  const isDone = async (): Promise<boolean> => {
    remains = await remainsIn(world);
    const [row] = await world.postgres.ask('select count(*)::int as runs from run where ended_at is null', 'soak');
    return remains.work + remains.runs + remains.intents + Number(row?.['runs']) === 0;
  };
  for (const until = performance.now() + PATIENCE; performance.now() < until && !(await isDone()); await wait(500));
  const accounts = await account(world, received, answered);
  return { minutes, capacity, rate, samples, faults, lasting, remains, accounts };
}

function writeGraphs(directory: string, soak: Soak): void {
  mkdirSync(directory, { recursive: true });
  for (const [name, drawing] of graphsOf(soak)) writeFileSync(path.join(directory, `${name}.svg`), drawing);
}

async function fillPage(page: string, soak: Soak): Promise<void> {
  const cores = os.cpus();
  const machine = `Node ${process.version}, ${cores.length} cores (${cores[0]?.model.trim() ?? 'unknown'}), ${Math.round(os.totalmem() / 2 ** 30)} GB`;
  const filled = fillSoakPage(readFileSync(page, 'utf8'), soak, judge(soak), { date: new Date().toISOString().slice(0, 10), machine });
  writeFileSync(page, await prettier.format(filled, { ...(await prettier.resolveConfig(page)), parser: 'markdown' }));
}
