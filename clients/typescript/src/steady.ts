/**
 * A clock that never goes back, for silence, patience and ages: setting the device's clock back makes nothing younger.
 *
 * The platform's own one, `performance.now()`, may stand still while a laptop sleeps. Where the device's clock has gone
 * on for longer than that one, the device's counts. At worst somebody has set it forward, and a silence looks longer than
 * it is.
 *
 * https://developer.mozilla.org/docs/Web/API/Performance/now#ticking_during_sleep
 */

/** Each clock rounds, and this one is read often: a smaller difference between the two is not a sleep. */
const SLEEP_MS = 1000;

/** A clock that begins with the time of `wall`, in Unix milliseconds. */
export function steadyClock(wall: () => number, monotonic: () => number): () => number {
  let [wallAt, monotonicAt] = [wall(), monotonic()];
  let ahead = wallAt - monotonicAt;
  return () => {
    const [wallMs, monotonicMs] = [wall() - wallAt, monotonic() - monotonicAt];
    wallAt += wallMs;
    monotonicAt += monotonicMs;
    const passed = wallMs > monotonicMs + SLEEP_MS ? wallMs : Math.max(0, monotonicMs);
    ahead += passed - monotonicMs;
    return monotonicAt + ahead;
  };
}

export const steadyNow = steadyClock(
  () => Date.now(),
  () => performance.now(),
);
