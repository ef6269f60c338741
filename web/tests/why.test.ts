/** The words of an explanation, and how its markets are drawn. */

import { readFileSync } from "node:fs";
import type { Candidate, Explanation } from "cadfeed-client";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { distanceOf, distanceText, ownPriceText, reasonText, scaleOf, summaryOf } from "../src/why/words.ts";

const MARKET: Candidate = {
  source: "binance",
  market: "BTCUSDT",
  currency: "USDT",
  price: "73.10",
  rate: "1.37000",
  rate_source: "kraken:USDTCAD",
  price_cad: "100.147",
  age_ms: 120,
  vote: true,
  verdict: "taken",
  reason: "first_in_band",
};
const TOLD: Explanation = {
  symbol: "BTC_CAD",
  seq: 1,
  ts: 1,
  reference: "100.147",
  dispersion: "0",
  band: "0.0200000",
  sources: 3,
  candidates: [MARKET],
};

describe("the reasons of an explanation", () => {
  it("have words, each its own", () => {
    const contract = readFileSync(new URL("../../docs/asyncapi.yaml", import.meta.url), "utf8");
    const [, list = ""] =
      /enum:\n((?:\s+- \w+\n)+)/.exec(contract.slice(contract.indexOf("| verdict | reasons |"))) ?? [];
    const reasons = list.trim().split(/\s*- /).filter(Boolean);
    expect(reasons).toContain("first_in_band");
    const texts = reasons.map((reason) => reasonText({ ...MARKET, reason }));
    expect(new Set(texts).size).toBe(reasons.length);
    for (const [index, reason] of reasons.entries()) expect(texts[index]).not.toBe(reason.replaceAll("_", " "));
  });

  it("are shown as they are if the page does not know them", () => {
    expect(reasonText({ ...MARKET, reason: "on_holiday" })).toBe("on holiday");
    expect(reasonText({ ...MARKET, reason: "constructor" })).toBe("constructor");
  });

  it("say that an old last trade does not count", () => {
    expect(reasonText({ ...MARKET, old_last: true })).toContain("outside its book");
  });
});

describe("the distance of a market", () => {
  it.each([
    ["100", "100", "0.00"],
    ["100", "101", "+100"],
    ["100", "99.9", "−10.0"],
    ["100", "100.00001", "0.00"],
    ["100", "100.005", "+0.50"],
    ["100", "80", "−2000"],
  ])("of %s and %s is %s basis points", (reference, price, text) => {
    expect(distanceText(distanceOf({ ...MARKET, price_cad: price }, reference))).toBe(text);
  });

  it.each([
    [null, "100"],
    ["100", null],
    ["0", "100"],
    ["100", "0"],
  ])("does not exist from %s to %s", (reference, price) => {
    expect(distanceOf({ ...MARKET, price_cad: price }, reference)).toBeUndefined();
    expect(distanceText(undefined)).toBe("–");
  });

  it("lies within the drawing, which ends at a round number", () => {
    fc.assert(
      fc.property(fc.array(fc.option(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { nil: undefined })), (all) => {
        const scale = scaleOf(all);
        for (const distance of all) expect(Math.abs(distance ?? 0)).toBeLessThanOrEqual(scale);
        expect(String(scale)).toMatch(/^[1235]0*$/);
        const farthest = Math.max(1, ...all.map((distance) => Math.abs(distance ?? 0)));
        expect(scale).toBeLessThanOrEqual(2 * farthest);
      }),
    );
  });
});

describe("an explanation", () => {
  it("says what the markets say together", () => {
    expect(summaryOf(TOLD)).toBe(
      "3 sources agree. The median of the votes is 100.147 CAD, and a market agrees within 2.00% of it.",
    );
    expect(summaryOf({ ...TOLD, reference: null })).toContain("No market has a vote");
  });

  it("says how a price becomes CAD", () => {
    expect(ownPriceText(MARKET)).toBe("73.10 USDT at 1.37000 CAD (kraken:USDTCAD)");
    expect(ownPriceText({ ...MARKET, currency: "CAD", rate_source: "" })).toBe("73.10 CAD");
    expect(ownPriceText({ ...MARKET, price: null })).toBe("");
  });
});
