import { randomFillSync } from 'node:crypto';

const success = 0;
const badDescriptor = 8;
const notSupported = 52;

const realtimeClock = 0;
const clockSubscription = 0;
const characterDevice = 2;

/**
 * What the guest may ask of us (WASI snapshot preview 1): the time, random bytes, to sleep, and to complain. There is no
 * file, directory, argument or environment variable, and no call that we do not know does anything.
 */
export function wasiWithoutCapabilities(memory) {
  const view = () => new DataView(memory().buffer); // anew each time: growth detaches the buffer
  const bytes = () => new Uint8Array(memory().buffer);
  const now = (clock) =>
    BigInt(Math.round((clock === realtimeClock ? performance.timeOrigin + performance.now() : performance.now()) * 1e6));
  let complaint = '';

  const calls = {
    args_sizes_get: (count, size) => none(count, size),
    args_get: () => success,
    environ_sizes_get: (count, size) => none(count, size),
    environ_get: () => success,
    clock_time_get(clock, _precision, out) {
      view().setBigUint64(out, now(clock), true);
      return success;
    },
    random_get(out, length) {
      for (let done = 0; done < length; done += 65_536) randomFillSync(bytes(), out + done, Math.min(65_536, length - done));
      return success;
    },
    sched_yield: () => success,
    poll_oneoff: (subscriptions, events, count, written) => sleep(subscriptions, events, count, written),
    fd_fdstat_get(descriptor, out) {
      if (descriptor > 2) return badDescriptor;
      bytes().fill(0, out, out + 24);
      view().setUint8(out, characterDevice);
      return success;
    },
    fd_fdstat_set_flags: () => success,
    fd_prestat_get: () => badDescriptor,
    fd_write(descriptor, vectors, count, written) {
      if (descriptor !== 1 && descriptor !== 2) return badDescriptor;
      let total = 0;
      for (let i = 0; i < count; i++) {
        const start = view().getUint32(vectors + 8 * i, true);
        const length = view().getUint32(vectors + 8 * i + 4, true);
        if (complaint.length < 2_000) complaint += Buffer.from(memory().buffer, start, length).toString().slice(0, 2_000);
        total += length;
      }
      view().setUint32(written, total, true);
      return success;
    },
    proc_exit(code) {
      throw new Error(`exit ${code}`);
    },
  };

  function none(count, size) {
    view().setUint32(count, 0, true);
    view().setUint32(size, 0, true);
    return success;
  }

  // Go waits for its timers with clock subscriptions (48 bytes each); an event has 32 bytes.
  function sleep(subscriptions, events, count, written) {
    let shortest = null;
    for (let at = subscriptions; at < subscriptions + 48 * count; at += 48) {
      if (view().getUint8(at + 8) !== clockSubscription) continue;
      const timeout = view().getBigUint64(at + 24, true);
      const absolute = (view().getUint16(at + 40, true) & 1) === 1;
      const wait = absolute ? timeout - now(view().getUint32(at + 16, true)) : timeout;
      if (shortest === null || wait < shortest) shortest = wait;
    }
    if (shortest === null) return notSupported;
    if (shortest > 0n) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, Number(shortest) / 1e6);
    for (let i = 0; i < count; i++) {
      const event = events + 32 * i;
      bytes().fill(0, event, event + 32);
      view().setBigUint64(event, view().getBigUint64(subscriptions + 48 * i, true), true);
      view().setUint8(event + 10, view().getUint8(subscriptions + 48 * i + 8));
    }
    view().setUint32(written, count, true);
    return success;
  }

  return {
    imports: new Proxy(calls, { get: (known, name) => known[name] ?? (() => notSupported) }),
    /** The beginning of what the guest wrote: why it panicked, or that it is out of memory. */
    complaint: () => complaint.slice(0, 500),
  };
}
