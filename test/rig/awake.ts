const PACE = 10;
/** A longer pause between two looks is no time awake: the machine stood still, or had other things to do. */
const LONGEST = 50;

let counted = 0;
let last = performance.now();
setInterval(() => {
  const now = performance.now();
  counted += Math.min(now - last, LONGEST);
  last = now;
}, PACE).unref();

/** Milliseconds that this process was awake. */
export const awake = (): number => counted;
