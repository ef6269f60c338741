/** A clock that only goes on: what the device's clock and the platform's own one make of it. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { steadyClock } from "cadfeed-client/steady.ts";

const START = 1_795_377_000_000;
const HOUR = 3_600_000;

/** A device whose two clocks are set by hand; `passed` is how much time the clock under test says has passed. */
function device(): { wall: number; monotonic: number; passed: () => number } {
  const clocks = { wall: START, monotonic: 0 };
  const now = steadyClock(
    () => clocks.wall,
    () => clocks.monotonic,
  );
  return Object.assign(clocks, { passed: () => now() - START });
}

describe("a clock that only goes on", () => {
  it("begins with the device's time, and goes on with it", () => {
    const clocks = device();
    expect(clocks.passed()).toBe(0);
    clocks.wall += 5000;
    clocks.monotonic += 5000;
    expect(clocks.passed()).toBe(5000);
  });

  it("goes on as before when the device's clock is set back an hour", () => {
    const clocks = device();
    clocks.wall -= HOUR;
    expect(clocks.passed()).toBe(0);
    clocks.wall += 30_000;
    clocks.monotonic += 30_000;
    expect(clocks.passed()).toBe(30_000);
  });

  it("counts the sleep that the platform's clock has not, and that once", () => {
    const clocks = device();
    clocks.wall += HOUR;
    expect(clocks.passed()).toBe(HOUR);
    expect(clocks.passed()).toBe(HOUR);
    clocks.wall += 2000;
    clocks.monotonic += 2000;
    expect(clocks.passed()).toBe(HOUR + 2000);
  });

  it("does not go back with a device's clock that was set forward and back", () => {
    const clocks = device();
    clocks.wall += HOUR;
    clocks.passed();
    clocks.wall -= HOUR;
    expect(clocks.passed()).toBe(HOUR);
    clocks.wall += 1000;
    clocks.monotonic += 1000;
    expect(clocks.passed()).toBe(HOUR + 1000);
  });

  it("is not faster for being looked at often, though the device's clock has whole milliseconds only", () => {
    const clocks = device();
    for (let look = 1; look <= 10_000; look += 1) {
      clocks.monotonic = look / 10;
      clocks.wall = START + Math.floor(look / 10);
      clocks.passed();
    }
    expect(clocks.passed()).toBeCloseTo(1000, 2);
  });

  it("never goes back, and never slower than the platform's clock, whatever becomes of the device's", () => {
    const step = fc.record({ wall: fc.integer({ min: -HOUR, max: HOUR }), monotonic: fc.nat(HOUR) });
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const clocks = device();
        let before = 0;
        for (const { wall, monotonic } of steps) {
          clocks.wall += wall;
          clocks.monotonic += monotonic;
          const passed = clocks.passed();
          // To the fraction that a float has left of a time of today.
          expect(passed).toBeGreaterThan(before + monotonic - 0.01);
          before = passed;
        }
      }),
    );
  });
});
