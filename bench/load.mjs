// One burst of requests, measured from outside: what came back, how long each took, and what the processes used meanwhile.
import autocannon from 'autocannon';
import { cpuOf, writtenUnder } from './process-figures.mjs';

/**
 * Sends `amount` requests over so many connections, shared by the servers in `urls`. `headersOf(connection)` gives the headers of each
 * request of a connection, taken in turns. `processes` are those whose CPU is told, by name: their pids, or what gives their CPU.
 * @throws when any answer was not 2xx
 */
export async function burst({ urls, connections, amount, body, headersOf, processes, directory }) {
  const times = new Float64Array(amount);
  let answered = 0;
  let connection = 0;
  let endedAt = 0;
  const before = { cpu: cpuOfEach(processes), written: directory === undefined ? null : writtenUnder(directory) };
  const startedAt = performance.now();
  const share = amount / urls.length;
  const running = urls.map((url) =>
    autocannon({
      ...{ url, connections: connections / urls.length, amount: share, body, method: 'POST', timeout: 30, sampleInt: 50 },
      setupClient(client) {
        const headers = headersOf(connection++);
        client.setRequests(headers.map((each) => ({ headers: { 'content-type': 'application/x-www-form-urlencoded', ...each } })));
        client.on('response', (_status, _bytes, duration) => {
          times[answered++] = duration;
          endedAt = performance.now();
        });
      },
    }),
  );
  for (const [index, result] of (await Promise.all(running)).entries()) {
    if (result['2xx'] === share && result.errors === 0) continue;
    throw new Error(`${urls[index]}: ${share} requests, answers ${JSON.stringify(result.statusCodeStats)}, ${result.errors} errors`);
  }
  const after = { cpu: cpuOfEach(processes), written: directory === undefined ? null : writtenUnder(directory) };
  const seconds = (endedAt - startedAt) / 1000;
  return {
    amount,
    seconds,
    rps: amount / seconds,
    times,
    cpuUs: Object.fromEntries(Object.keys(processes).map((name) => [name, ((after.cpu[name] - before.cpu[name]) * 1000) / amount])),
    written: after.written === null || before.written === null ? null : (after.written - before.written) / amount,
  };
}

function cpuOfEach(processes) {
  const cpu = (of) => (typeof of === 'function' ? of() : cpuOf(of));
  return Object.fromEntries(Object.entries(processes).map(([name, of]) => [name, cpu(of)]));
}
