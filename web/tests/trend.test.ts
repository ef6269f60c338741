/** The trend line of the last hours. */

import fc from "fast-check";
import { expect, it } from "vitest";
import { pointsOf } from "../src/past.ts";
import type { Point } from "../src/trend.ts";
import { polyline, Trend } from "../src/trend.ts";

const HOUR = 3_600_000;

it("keeps the first and the newest price, in at most 60 points", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 200_000 }), { minLength: 2, maxLength: 500 }), (gaps) => {
      const trend = new Trend();
      let ts = 0;
      for (const gap of gaps) {
        ts += gap;
        trend.add(ts, ts / 7);
      }
      const times = trend.points.map(([time]) => time);
      expect(times.length).toBeLessThanOrEqual(60);
      expect(times[0]).toBe(gaps[0]);
      expect(times.at(-1)).toBe(ts);
      expect(times).toEqual(times.toSorted((a, b) => a - b));
    }),
  );
});

it("is not drawn and has no rise before it has eight points", () => {
  const trend = new Trend();
  for (let minute = 1; minute < 8; minute += 1) trend.add(minute * 60_000, minute);
  expect(polyline(trend.points, 96, 22)).toBe("");
  expect(trend.rise).toBeUndefined();
  trend.add(8 * 60_000, 8);
  expect(polyline(trend.points, 96, 22).split(" ")).toHaveLength(8);
  expect(trend.rise).toBe(7);
});

it("begins with the candles and continues with the quotes", () => {
  const trend = new Trend();
  trend.add(10 * HOUR, 50);
  const candles: Point[] = Array.from({ length: 9 }, (_, hour) => [hour * HOUR, 10 + hour]);
  trend.prepend(candles, HOUR);
  expect(trend.points).toEqual([...candles, [10 * HOUR, 50]]);
  trend.add(10 * HOUR + 5000, 60);
  expect(trend.points.at(-1)).toEqual([10 * HOUR + 5000, 60]);
  expect(trend.points).toHaveLength(10);
});

it("has each close at the end of its hour, and no point for an hour without a candle", () => {
  const trends = { interval: "1h", untilMs: 9 * HOUR, closes: { BTC_CAD: ["1", null, "0.000016864"] } };
  expect(pointsOf(trends, "BTC_CAD")).toEqual([
    [7 * HOUR - 1, 1],
    [9 * HOUR - 1, 0.000016864],
  ]);
  expect(pointsOf(trends, "ETH_CAD")).toEqual([]);
});

it("fills its box: highest at the top, oldest on the left", () => {
  const points: Point[] = Array.from({ length: 8 }, (_, index) => [index, index % 2]);
  const drawn = polyline(points, 70, 22).split(" ");
  expect(drawn.slice(0, 3)).toEqual(["0.0,21.0", "10.0,1.0", "20.0,21.0"]);
  expect(drawn.at(-1)).toBe("70.0,1.0");
  expect(
    polyline(
      points.map(([ts]) => [ts, 5]),
      70,
      22,
    ),
  ).toContain("0.0,11.0");
});
