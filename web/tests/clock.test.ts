/** The round trip and the clock's error, by pings whose answers come when the test says so. */

import type { Feed } from "cadfeed-client";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Clock } from "../src/clock.ts";

beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "Date", "performance"] }));
afterEach(() => void vi.useRealTimers());

// The first may have started a function.
it("tells the round trip from the second ping on", async () => {
  const took = [2000, 40, 50];
  const request = vi.fn(async () => {
    await new Promise((resolve) => setTimeout(resolve, took[request.mock.calls.length - 1]));
    return { ts: Date.now() };
  });
  const clock = new Clock({ request } as unknown as Feed);
  clock.askIfDue(true);
  await vi.advanceTimersByTimeAsync(2999);
  clock.askIfDue();
  expect([request.mock.calls.length, clock.roundTripMs]).toEqual([1, undefined]);
  await vi.advanceTimersByTimeAsync(1);
  clock.askIfDue();
  await vi.advanceTimersByTimeAsync(40);
  expect([request.mock.calls.length, clock.roundTripMs]).toEqual([2, 40]);
  await vi.advanceTimersByTimeAsync(119_000);
  clock.askIfDue();
  expect(request.mock.calls.length).toBe(2);
  await vi.advanceTimersByTimeAsync(1000);
  clock.askIfDue();
  await vi.advanceTimersByTimeAsync(50);
  expect([request.mock.calls.length, clock.roundTripMs]).toEqual([3, 50]);
});
