// One burst of requests, measured from outside: what came back, how long each took, and what the processes used meanwhile.
import autocannon from 'autocannon';
import { Pool } from 'undici';
import { cpuOf, ownCpu, writtenUnder } from './process-figures.mjs';

const FORM = { 'content-type': 'application/x-www-form-urlencoded' };

/**
 * Sends `amount` requests over so many connections, shared by the servers in `urls`. `headersOf(connection)` gives the headers of each
 * request of a connection, taken in turns. `processes` are those whose CPU is told, by name: their pids, or what gives their CPU.
 * @throws when any answer was not 2xx
 */
export function burst({ urls, connections, amount, body, headersOf, ...watched }) {
  let connection = 0;
  const share = amount / urls.length;
  return measured(amount, watched, async (answered) => {
    const running = urls.map((url) =>
      autocannon({
        ...{ url, connections: connections / urls.length, amount: share, body, method: 'POST', timeout: 30, sampleInt: 50 },
        setupClient(client) {
          client.setRequests(headersOf(connection++).map((headers) => ({ headers: { ...FORM, ...headers } })));
          client.on('response', (_status, _bytes, duration) => answered(duration));
        },
      }),
    );
    for (const [index, result] of (await Promise.all(running)).entries()) {
      if (result['2xx'] === share && result.errors === 0) continue;
      throw new Error(`${urls[index]}: ${share} requests, answers ${JSON.stringify(result.statusCodeStats)}, ${result.errors} errors`);
    }
  });
}

/**
 * For each of `headers` asks all servers in `urls` at the same time, and goes on when all of them have answered; so many lanes of this
 * at once. @throws when any answer was not 2xx
 */
export async function burstAtOnce({ urls, lanes, headers, body, ...watched }) {
  const pools = urls.map((url) => ({ pool: new Pool(new URL(url).origin, { connections: lanes }), path: new URL(url).pathname }));
  const left = headers.values();
  try {
    return await measured(headers.length * urls.length, watched, async (answered) => {
      const ask = async ({ pool, path }, each) => {
        const startedAt = performance.now();
        const { statusCode, body: answer } = await pool.request({ path, method: 'POST', headers: { ...FORM, ...each }, body });
        const text = await answer.text();
        if (statusCode !== 200) throw new Error(`${path}: ${statusCode} ${text}`);
        answered(performance.now() - startedAt);
      };
      const lane = async () => {
        for (const each of left) await Promise.all(pools.map((server) => ask(server, each)));
      };
      await Promise.all(Array.from({ length: lanes }, lane));
    });
  } finally {
    await Promise.all(pools.map(({ pool }) => pool.destroy()));
  }
}

async function measured(amount, { processes, directory }, send) {
  const times = new Float64Array(amount);
  let count = 0;
  let endedAt = 0;
  const all = { ...processes, 'load generator': ownCpu };
  const used = () => ({ cpu: cpuOfEach(all), written: directory === undefined ? null : writtenUnder(directory) });
  const before = used();
  const startedAt = performance.now();
  await send((duration) => {
    times[count++] = duration;
    endedAt = performance.now();
  });
  const after = used();
  const seconds = (endedAt - startedAt) / 1000;
  return {
    amount,
    seconds,
    rps: amount / seconds,
    times,
    cpuUs: Object.fromEntries(Object.keys(all).map((name) => [name, ((after.cpu[name] - before.cpu[name]) * 1000) / amount])),
    written: after.written === null || before.written === null ? null : (after.written - before.written) / amount,
  };
}

function cpuOfEach(processes) {
  const cpu = (of) => (typeof of === 'function' ? of() : cpuOf(of));
  return Object.fromEntries(Object.entries(processes).map(([name, of]) => [name, cpu(of)]));
}
