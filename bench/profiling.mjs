// Loaded into a Corridor before its own code (--import): on a message it profiles its main thread, on the next one it answers with the
// profile.
import { Session } from 'node:inspector/promises';

const session = new Session();
session.connect();
let profiling = false;

process.on('message', async () => {
  if (profiling) {
    profiling = false;
    const { profile } = await session.post('Profiler.stop');
    process.send({ profile });
  } else {
    await session.post('Profiler.enable');
    await session.post('Profiler.start');
    profiling = true;
    process.send({});
  }
});
process.channel.unref(); // it may end as if nobody spoke with it
