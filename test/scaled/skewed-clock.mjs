// A process whose wall clock is wrong: node --import ./skewed-clock.mjs …, by CORRIDOR_TEST_SKEW_MS milliseconds. Its monotonic clock
// goes on as it did, as on a machine whose time was set wrong.
const skew = Number(process.env.CORRIDOR_TEST_SKEW_MS ?? 0);
const RealDate = Date;

if (skew !== 0) {
  globalThis.Date = class Date extends RealDate {
    constructor(...given) {
      if (given.length === 0) super(RealDate.now() + skew);
      else super(...given);
    }
    static now() {
      return RealDate.now() + skew;
    }
  };
  const origin = performance.timeOrigin;
  Object.defineProperty(performance, 'timeOrigin', { configurable: true, get: () => origin + skew });
}
