const PACE = 10;

let ticks = 0;
setInterval(() => ticks++, PACE).unref();

/** Milliseconds that this process was awake: a machine that stands still, or has other things to do, adds next to nothing. */
export const awake = (): number => ticks * PACE;
