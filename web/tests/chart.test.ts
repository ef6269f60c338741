/** The candles and the texts of a chart. */

import { readFileSync } from "node:fs";
import type { Candle, Interval } from "cadfeed-client";
import { RequestError } from "cadfeed-client";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Candles, LENGTH_MS, startOf } from "../src/chart/candles.ts";
import { csvOf } from "../src/chart/csv.ts";
import { DayRange } from "../src/chart/range.ts";
import { bookText, CHART, decimalsOf, moveText, originText, sentenceOf, timeText } from "../src/chart/words.ts";
import { failureText, linkText } from "../src/failure.ts";

const MINUTE = 60_000;
const BEGAN = Date.UTC(2026, 10, 22, 20, 31);

function candle(openMs: number, open: string, high: string, low: string, close: string): Candle {
  return { openMs, open, high, low, close };
}

describe("the last candle", () => {
  it("has the open, high, low and close of its interval, exactly", () => {
    const candles = new Candles("1m");
    const prices = ["0.0000168648231", "0.0000168648232", "0.0000168648229", "0.00001686482300"];
    prices.forEach((price, second) => candles.addPrice(price, BEGAN + second * 1000));
    expect(candles.all).toEqual([
      candle(BEGAN, "0.0000168648231", "0.0000168648232", "0.0000168648229", "0.00001686482300"),
    ]);
  });

  it("belongs to the tick's interval in UTC", () => {
    const day = Date.UTC(2026, 10, 22);
    const hour = Date.UTC(2026, 10, 22, 20);
    expect((["1m", "1h", "1d"] as const).map((interval) => startOf(BEGAN + 59_999, interval))).toEqual([
      BEGAN,
      hour,
      day,
    ]);
    expect(startOf(BEGAN + MINUTE, "1m")).toBe(BEGAN + MINUTE);
    const candles = new Candles("1m");
    candles.addPrice("1", BEGAN + 59_999);
    candles.addPrice("2", BEGAN + MINUTE);
    expect(candles.all.map(({ openMs, open, close }) => [openMs, open, close])).toEqual([
      [BEGAN, "1", "1"],
      [BEGAN + MINUTE, "2", "2"],
    ]);
  });

  it("is the same as the server's, for any prices and times", () => {
    const ticks = fc.array(fc.tuple(fc.nat(200_000_000), fc.integer({ min: 1, max: 10 ** 9 })), { minLength: 1 });
    fc.assert(
      fc.property(ticks, fc.constantFrom<Interval>("1m", "1h", "1d"), (drawn, interval) => {
        const inOrder = drawn.toSorted(([a], [b]) => a - b).map(([ms, price]) => [BEGAN + ms, price] as const);
        const candles = new Candles(interval);
        for (const [ms, price] of inOrder) candles.addPrice(String(price), ms);
        const buckets = new Map<number, number[]>();
        for (const [ms, price] of inOrder) {
          const openMs = ms - (ms % LENGTH_MS[interval]);
          buckets.set(openMs, [...(buckets.get(openMs) ?? []), price]);
        }
        const expected = [...buckets].map(([openMs, prices]) => {
          return [openMs, prices[0], Math.max(...prices), Math.min(...prices), prices.at(-1)];
        });
        expect(
          candles.all.map(({ openMs, open, high, low, close }) => [openMs, ...[open, high, low, close].map(Number)]),
        ).toEqual(expected);
      }),
    );
  });

  it("continues the server's candle, whichever comes first", () => {
    const server = {
      candles: [candle(BEGAN - MINUTE, "1", "1", "1", "1")],
      inProgress: candle(BEGAN, "5", "9", "4", "6"),
    };
    const quotesFirst = new Candles("1m");
    quotesFirst.addPrice("7", BEGAN + 40_000);
    quotesFirst.merge(server);
    const serverFirst = new Candles("1m");
    serverFirst.merge(server);
    serverFirst.addPrice("7", BEGAN + 40_000);
    expect(quotesFirst.all).toEqual([candle(BEGAN - MINUTE, "1", "1", "1", "1"), candle(BEGAN, "5", "9", "4", "7")]);
    expect(serverFirst.all).toEqual(quotesFirst.all);
  });

  it("is replaced by the final candle, which no quote changes", () => {
    const candles = new Candles("1m");
    candles.addPrice("7", BEGAN);
    candles.addPrice("8", BEGAN + MINUTE);
    const final = candle(BEGAN, "6", "7.5", "6", "7.25");
    candles.merge({ candles: [final], inProgress: candle(BEGAN, "0", "0", "0", "0") });
    expect(candles.addPrice("99", BEGAN + 59_000)).toBeUndefined();
    expect(candles.all).toEqual([final, candle(BEGAN + MINUTE, "8", "8", "8", "8")]);
  });

  it("is not changed by a tick of an earlier interval", () => {
    const candles = new Candles("1m");
    candles.addPrice("8", BEGAN + MINUTE);
    expect(candles.addPrice("1", BEGAN + 59_999)).toBeUndefined();
    expect(candles.all).toEqual([candle(BEGAN + MINUTE, "8", "8", "8", "8")]);
  });

  it("stays last when older candles arrive later", () => {
    const candles = new Candles("1m");
    candles.merge({ candles: [candle(BEGAN, "2", "2", "2", "2")] });
    candles.merge({ candles: [candle(BEGAN - MINUTE, "1", "1", "1", "1")] });
    expect(candles.all.map(({ open }) => open)).toEqual(["1", "2"]);
    expect(candles.find(BEGAN)).toEqual([1, candle(BEGAN, "2", "2", "2", "2")]);
    expect(candles.find(BEGAN + 1)).toBeUndefined();
  });
});

describe("the ticks of a candle", () => {
  it("are unknown once the page's quotes continue it", () => {
    const candles = new Candles("1m");
    candles.merge({ candles: [], inProgress: { ...candle(BEGAN, "5", "5", "5", "5"), ticks: 1 } });
    expect(candles.last?.ticks).toBe(1);
    candles.merge({ candles: [], inProgress: { ...candle(BEGAN, "5", "6", "5", "6"), ticks: 2 } });
    expect(candles.last?.ticks).toBe(2);
    candles.addPrice("7", BEGAN + 1000);
    expect(candles.last?.ticks).toBeUndefined();
    candles.merge({ candles: [], inProgress: { ...candle(BEGAN, "5", "6", "5", "6"), ticks: 2 } });
    expect(candles.last).toEqual({ ...candle(BEGAN, "5", "7", "5", "7"), ticks: undefined });
  });

  it("are the server's in a closed candle, and again when the market's own replaces it", () => {
    const candles = new Candles("1m");
    candles.addPrice("5", BEGAN);
    for (const ticks of [1, 0]) {
      candles.merge({ candles: [{ ...candle(BEGAN, "5", "6", "4", "5"), ticks }] });
      expect(candles.all).toEqual([{ ...candle(BEGAN, "5", "6", "4", "5"), ticks }]);
    }
  });
});

describe("texts", () => {
  const rising = candle(BEGAN, "0.0000168", "0.0000170", "0.0000167", "0.0000169");

  it("show six significant digits on the scale, at least cents", () => {
    expect(["130124", "1.0002", "0.0999", "0.0000168648", "0"].map(decimalsOf)).toEqual([2, 5, 7, 10, 2]);
  });

  it("give times in UTC, like the intervals", () => {
    expect(timeText(BEGAN, "1m")).toBe("2026-11-22 20:31 UTC");
    expect(timeText(Date.UTC(2026, 10, 22), "1h")).toBe("2026-11-22 00:00 UTC");
    expect(timeText(Date.UTC(2026, 10, 22), "1d")).toBe("2026-11-22");
  });

  it("show the direction by a sign and an arrow", () => {
    expect(moveText(rising)).toBe("▲ +0.60%");
    expect(moveText(candle(BEGAN, "200", "200", "198", "199"))).toBe("▼ −0.50%");
    expect(moveText(candle(BEGAN, "130000", "130001", "130000", "130001"))).toBe("▲ +0.0008%");
    expect(moveText(candle(BEGAN, "1", "1", "1", "1"))).toBe("= 0.00%");
  });

  it("describe a candle with all its digits", () => {
    expect(sentenceOf(rising, "1m")).toBe(
      "2026-11-22 20:31 UTC: open 0.0000168000, high 0.0000170000, low 0.0000167000, close 0.0000169000, up 0.60%",
    );
  });

  it("say where a candle comes from if it is not from several prices of the feed", () => {
    const ending = (ticks: number | undefined) => sentenceOf({ ...rising, ticks }, "1m").split("up 0.60%")[1];
    expect([0, 1, 2, undefined].map((ticks) => originText({ ...rising, ticks }))).toEqual([
      "from the exchange's history",
      "one price only, no range",
      "the feed's own prices",
      "the feed's own prices",
    ]);
    expect([0, 1, 2, undefined].map(ending)).toEqual([
      ", from the exchange's history",
      ", one price only, no range",
      "",
      "",
    ]);
  });

  it("say what to do about each failure", () => {
    // Every code in the guide, and the client's own codes.
    const guide = readFileSync(new URL("../../docs/protocol.md", import.meta.url), "utf8");
    const table = guide.slice(guide.indexOf("\n## Errors"), guide.indexOf("\n## Limits"));
    const codes = [...table.matchAll(/^\| `(\w+)` \|/gm)].map(([, code]) => code ?? "");
    expect(codes).toContain("rate_limited");
    for (const code of [...codes, "no_answer", "disconnected", "closed"]) {
      const { text } = failureText(new RequestError(code, "no such symbol", false), CHART);
      expect(text, code).toMatch(/[Tt]ry again|by itself|[Rr]eload|refused to answer: no such symbol/);
    }
    expect(failureText(new RequestError("rate_limited", "", true), CHART).again).toBe(true);
    expect(failureText(new RequestError("unknown_symbol", "no such symbol", false), CHART).again).toBe(false);
    expect(failureText(new TypeError("Failed to fetch dynamically imported module"), CHART).text).toContain(
      "reload the page",
    );
  });

  it("mention the connection only when it does not work", () => {
    expect(linkText({ link: "live", reason: "" }, CHART)).toBe("");
    expect(linkText({ link: "reconnecting", reason: "x", inMs: 5 }, CHART)).toContain("not updated until it is back");
    expect(linkText({ link: "closed", reason: "" }, CHART)).toContain("no longer updated");
  });
});

describe("the range of the last 24 hours", () => {
  const HOUR = 60 * MINUTE;
  const DAY_AGO = BEGAN - 24 * HOUR;

  it("has the hours that were not over by then, and the prices of now", () => {
    const range = new DayRange();
    range.add("1");
    expect(range.prices).toBeUndefined();
    const hours = [
      candle(DAY_AGO - HOUR, "5", "9", "0.1", "5"),
      candle(DAY_AGO - HOUR + 1, "5", "6.10", "4.00", "5"),
      candle(BEGAN - HOUR, "5", "6.1", "4", "5"),
    ];
    range.begin(hours, BEGAN);
    expect(range.prices).toEqual(["4.00", "6.10"]);
    range.add("6.100000000000000000001");
    expect(range.prices).toEqual(["4.00", "6.10"]);
    range.add("6.11");
    range.add("3.99");
    expect(range.prices).toEqual(["3.99", "6.11"]);
  });

  it("is not there without hours", () => {
    const range = new DayRange();
    range.begin([], BEGAN);
    range.add("1");
    expect(range.prices).toBeUndefined();
  });

  it("stands beside the numbers of the quote", () => {
    const quote = { bid: "99", ask: "101", change: "-2", spot: "100" } as Parameters<typeof bookText>[0];
    const book = "Bid 99.0000 · ask 101.000 · spread 2.000% · 24 h −2.000 CAD";
    expect(bookText(quote)).toBe(book);
    expect(bookText(quote, ["95", "103"])).toBe(`${book}, from 95.0000 to 103.000`);
  });
});

it("candles are copied as CSV with all their digits", () => {
  expect(csvOf([])).toBe("time,open,high,low,close\r\n");
  expect(csvOf([candle(BEGAN, "0.0000168648231", "0.00002", "0.00001", "0.0000168648230")])).toBe(
    "time,open,high,low,close\r\n2026-11-22T20:31:00.000Z,0.0000168648231,0.00002,0.00001,0.0000168648230\r\n",
  );
});
