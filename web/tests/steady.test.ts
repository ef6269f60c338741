/** A clock that never goes back, made from the device's clock and the platform's monotonic clock. */

import { steadyClock } from "cadfeed-client/steady.ts";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

const START = 1_795_377_000_000;
const HOUR = 3_600_000;

/** A device whose two clocks the test sets; `passed` is the time that has passed by the clock under test. */
function device(): { wall: number; monotonic: number; passed: () => number } {
  const clocks = { wall: START, monotonic: 0 };
  const now = steadyClock(
    () => clocks.wall,
    () => clocks.monotonic,
  );
  return Object.assign(clocks, { passed: () => now() - START });
}

describe("a clock that never goes back", () => {
  it("begins with the device's time, and follows it", () => {
    const clocks = device();
    expect(clocks.passed()).toBe(0);
    clocks.wall += 5000;
    clocks.monotonic += 5000;
    expect(clocks.passed()).toBe(5000);
  });

  it("continues when the device's clock is set back an hour", () => {
    const clocks = device();
    clocks.wall -= HOUR;
    expect(clocks.passed()).toBe(0);
    clocks.wall += 30_000;
    clocks.monotonic += 30_000;
    expect(clocks.passed()).toBe(30_000);
  });

  it("counts once a sleep that the platform's clock misses", () => {
    const clocks = device();
    clocks.wall += HOUR;
    expect(clocks.passed()).toBe(HOUR);
    expect(clocks.passed()).toBe(HOUR);
    clocks.wall += 2000;
    clocks.monotonic += 2000;
    expect(clocks.passed()).toBe(HOUR + 2000);
  });

  it("stays when the device's clock is set forward and back", () => {
    const clocks = device();
    clocks.wall += HOUR;
    clocks.passed();
    clocks.wall -= HOUR;
    expect(clocks.passed()).toBe(HOUR);
    clocks.wall += 1000;
    clocks.monotonic += 1000;
    expect(clocks.passed()).toBe(HOUR + 1000);
  });

  it("does not run faster when it is read often", () => {
    const clocks = device();
    for (let look = 1; look <= 10_000; look += 1) {
      clocks.monotonic = look / 10;
      clocks.wall = START + Math.floor(look / 10);
      clocks.passed();
    }
    expect(clocks.passed()).toBeCloseTo(1000, 2);
  });

  it("never goes back, and is not slower than the platform's", () => {
    const step = fc.record({ wall: fc.integer({ min: -HOUR, max: HOUR }), monotonic: fc.nat(HOUR) });
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const clocks = device();
        let before = 0;
        for (const { wall, monotonic } of steps) {
          clocks.wall += wall;
          clocks.monotonic += monotonic;
          const passed = clocks.passed();
          // Up to the precision of a float for a time of today.
          expect(passed).toBeGreaterThan(before + monotonic - 0.01);
          before = passed;
        }
      }),
    );
  });
});
