/** A chart's candles and words. */

import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { beganAt, Candles, LENGTH_MS } from "../src/chart/candles.ts";
import { decimalsOf, failureText, linkText, moveText, sentenceOf, timeText } from "../src/chart/words.ts";
import { RequestError } from "cadfeed-client";
import type { Candle, Interval } from "cadfeed-client";

const MINUTE = 60_000;
const BEGAN = Date.UTC(2026, 10, 22, 20, 31);

function candle(openMs: number, open: string, high: string, low: string, close: string): Candle {
  return { openMs, open, high, low, close };
}

describe("the last candle", () => {
  it("has the first, highest, lowest and last price of its interval, every digit of them", () => {
    const candles = new Candles("1m");
    const prices = ["0.0000168648231", "0.0000168648232", "0.0000168648229", "0.00001686482300"];
    prices.forEach((price, second) => candles.take(price, BEGAN + second * 1000));
    expect(candles.all).toEqual([candle(BEGAN, "0.0000168648231", "0.0000168648232", "0.0000168648229", "0.00001686482300")]);
  });

  it("is of the interval in UTC that the tick is in, its first millisecond too", () => {
    const day = Date.UTC(2026, 10, 22);
    const hour = Date.UTC(2026, 10, 22, 20);
    expect((["1m", "1h", "1d"] as const).map((interval) => beganAt(BEGAN + 59_999, interval))).toEqual([BEGAN, hour, day]);
    expect(beganAt(BEGAN + MINUTE, "1m")).toBe(BEGAN + MINUTE);
    const candles = new Candles("1m");
    candles.take("1", BEGAN + 59_999);
    candles.take("2", BEGAN + MINUTE);
    expect(candles.all.map(({ openMs, open, close }) => [openMs, open, close])).toEqual([
      [BEGAN, "1", "1"],
      [BEGAN + MINUTE, "2", "2"],
    ]);
  });

  it("is made as the server makes it, whatever the prices and their times", () => {
    const ticks = fc.array(fc.tuple(fc.nat(200_000_000), fc.integer({ min: 1, max: 10 ** 9 })), { minLength: 1 });
    fc.assert(
      fc.property(ticks, fc.constantFrom<Interval>("1m", "1h", "1d"), (drawn, interval) => {
        const inOrder = drawn.toSorted(([a], [b]) => a - b).map(([ms, price]) => [BEGAN + ms, price] as const);
        const candles = new Candles(interval);
        for (const [ms, price] of inOrder) candles.take(String(price), ms);
        const buckets = new Map<number, number[]>();
        for (const [ms, price] of inOrder) {
          const openMs = ms - (ms % LENGTH_MS[interval]);
          buckets.set(openMs, [...(buckets.get(openMs) ?? []), price]);
        }
        const expected = [...buckets].map(([openMs, prices]) => {
          return [openMs, prices[0], Math.max(...prices), Math.min(...prices), prices.at(-1)];
        });
        expect(candles.all.map(({ openMs, open, high, low, close }) => [openMs, ...[open, high, low, close].map(Number)])).toEqual(expected);
      }),
    );
  });

  it("goes on from what the server has of it, in whichever order the two come", () => {
    const server = { candles: [candle(BEGAN - MINUTE, "1", "1", "1", "1")], inProgress: candle(BEGAN, "5", "9", "4", "6") };
    const quotesFirst = new Candles("1m");
    quotesFirst.take("7", BEGAN + 40_000);
    quotesFirst.merge(server);
    const serverFirst = new Candles("1m");
    serverFirst.merge(server);
    serverFirst.take("7", BEGAN + 40_000);
    expect(quotesFirst.all).toEqual([candle(BEGAN - MINUTE, "1", "1", "1", "1"), candle(BEGAN, "5", "9", "4", "7")]);
    expect(serverFirst.all).toEqual(quotesFirst.all);
  });

  it("gives way to the server's final one, and that to no quote", () => {
    const candles = new Candles("1m");
    candles.take("7", BEGAN);
    candles.take("8", BEGAN + MINUTE);
    const final = candle(BEGAN, "6", "7.5", "6", "7.25");
    candles.merge({ candles: [final], inProgress: candle(BEGAN, "0", "0", "0", "0") });
    expect(candles.take("99", BEGAN + 59_000)).toBeUndefined();
    expect(candles.all).toEqual([final, candle(BEGAN + MINUTE, "8", "8", "8", "8")]);
  });

  it("is not changed by a tick of an interval before it", () => {
    const candles = new Candles("1m");
    candles.take("8", BEGAN + MINUTE);
    expect(candles.take("1", BEGAN + 59_999)).toBeUndefined();
    expect(candles.all).toEqual([candle(BEGAN + MINUTE, "8", "8", "8", "8")]);
  });

  it("stands before a page of older ones that came later", () => {
    const candles = new Candles("1m");
    candles.merge({ candles: [candle(BEGAN, "2", "2", "2", "2")] });
    candles.merge({ candles: [candle(BEGAN - MINUTE, "1", "1", "1", "1")] });
    expect(candles.all.map(({ open }) => open)).toEqual(["1", "2"]);
    expect(candles.find(BEGAN)).toEqual([1, candle(BEGAN, "2", "2", "2", "2")]);
    expect(candles.find(BEGAN + 1)).toBeUndefined();
  });
});

describe("words", () => {
  const rising = candle(BEGAN, "0.0000168", "0.0000170", "0.0000167", "0.0000169");

  it("show six significant digits of a price on the scale, and the cents", () => {
    expect(["130124", "1.0002", "0.0999", "0.0000168648", "0"].map(decimalsOf)).toEqual([2, 5, 7, 10, 2]);
  });

  it("are in UTC, as the intervals are", () => {
    expect(timeText(BEGAN, "1m")).toBe("2026-11-22 20:31 UTC");
    expect(timeText(Date.UTC(2026, 10, 22), "1h")).toBe("2026-11-22 00:00 UTC");
    expect(timeText(Date.UTC(2026, 10, 22), "1d")).toBe("2026-11-22");
  });

  it("tell the way by a sign and an arrow", () => {
    expect(moveText(rising)).toBe("▲ +0.60%");
    expect(moveText(candle(BEGAN, "200", "200", "198", "199"))).toBe("▼ −0.50%");
    expect(moveText(candle(BEGAN, "130000", "130001", "130000", "130001"))).toBe("▲ +0.0008%");
    expect(moveText(candle(BEGAN, "1", "1", "1", "1"))).toBe("= 0.00%");
  });

  it("read a candle out with all its digits", () => {
    expect(sentenceOf(rising, "1m")).toBe(
      "2026-11-22 20:31 UTC: open 0.0000168000, high 0.0000170000, low 0.0000167000, close 0.0000169000, up 0.60%",
    );
  });

  it("say of each failure what to do", () => {
    // Every code that the guide lists, and the client's own.
    const guide = readFileSync(new URL("../../docs/protocol.md", import.meta.url), "utf8");
    const table = guide.slice(guide.indexOf("\n## Errors"), guide.indexOf("\n## Limits"));
    const codes = [...table.matchAll(/^\| `(\w+)` \|/gm)].map(([, code]) => code ?? "");
    expect(codes).toContain("rate_limited");
    for (const code of [...codes, "no_answer", "disconnected", "closed"]) {
      const { text } = failureText(new RequestError(code, "no such symbol", false));
      expect(text, code).toMatch(/[Tt]ry again|by itself|[Rr]eload|refused to answer: no such symbol/);
    }
    expect(failureText(new RequestError("rate_limited", "", true)).again).toBe(true);
    expect(failureText(new RequestError("unknown_symbol", "no such symbol", false)).again).toBe(false);
    expect(failureText(new TypeError("Failed to fetch dynamically imported module")).text).toContain("reload the page");
  });

  it("tell of the connection only when it is not well", () => {
    expect(linkText({ link: "live", reason: "" })).toBe("");
    expect(linkText({ link: "reconnecting", reason: "x", inMs: 5 })).toContain("stands still until it is back");
    expect(linkText({ link: "closed", reason: "" })).toContain("stands still");
  });
});
