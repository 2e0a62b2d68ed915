import { parentPort, workerData } from 'node:worker_threads';
import { PolicyModule } from './policy-module.mjs';
import { readArtefact, startReactor } from './reactor.mjs';

const { artefact, memoryMiB } = workerData;
const memoryPages = memoryMiB * 16;
let policy; // the module whose entrypoints are being asked

let raw;
try {
  raw = readArtefact(artefact);
} catch (error) {
  parentPort.postMessage({ kind: 'broken', message: error.message });
}
if (raw !== undefined) {
  const ask = startReactor(raw, memoryPages);
  parentPort.on('message', (job) => parentPort.postMessage(done(job, ask)));
  parentPort.postMessage({ kind: 'ready' });
}

function done(job, ask) {
  try {
    switch (job.kind) {
      case 'request':
        return { kind: 'answer', ...ask(job.request) };
      case 'module':
        policy = new PolicyModule(job.module, JSON.parse(job.data), memoryPages);
        return { kind: 'answer', text: '{}' };
      case 'entrypoint':
        return { kind: 'answer', text: JSON.stringify(policy.answer(job.entrypoint)) };
    }
  } catch (error) {
    return { kind: 'crash', message: `${error.name}: ${error.message}`.slice(0, 1_000) };
  }
}
