/**
 * The process in which policies are compiled: it passes one job after another to a worker. The worker has a large stack, for
 * deeply nested policies; and this thread stays free to notice that the parent is gone, however long the worker takes.
 */
import { Worker } from 'node:worker_threads';

process.on('disconnect', () => process.exit());

process.once('message', (workerData) => {
  const worker = new Worker(new URL('worker.mjs', import.meta.url), {
    workerData,
    resourceLimits: { stackSizeMb: 64, maxOldGenerationSizeMb: 256 },
  });
  worker.on('message', (answer) => process.send(answer));
  worker.on('error', (error) => {
    process.send({ kind: 'crash', message: `${error.name}: ${error.message}`.slice(0, 1_000) }, () => process.exit(1));
  });
  process.on('message', (job) => worker.postMessage(job));
});
