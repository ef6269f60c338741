/** What the widget's address asks for, and the state that the widget shows. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { askedIn } from "../src/embed/asked.ts";
import { stateOf } from "../src/embed/state.ts";

describe("the widget's address", () => {
  it.each([
    ["?symbols=BTC_CAD,ETH_CAD", ["BTC_CAD", "ETH_CAD"], ""],
    ["?symbols=btc_cad,%20ETH_CAD,,BTC_CAD", ["BTC_CAD", "ETH_CAD"], ""],
    ["", [], "The address names no assets: add ?symbols=BTC_CAD,ETH_CAD."],
    ["?symbols=,", [], "The address names no assets: add ?symbols=BTC_CAD,ETH_CAD."],
    ["?symbols=BTC,ETH_CAD", ["ETH_CAD"], "BTC is not a symbol such as BTC_CAD."],
    ["?symbols=<b>_CAD", [], "<B>_CAD is not a symbol such as BTC_CAD."],
  ])("%s", (query, symbols, problem) => {
    expect(askedIn(query)).toEqual({ symbols, theme: undefined, problem });
  });

  it("shows at most twenty assets, and says so", () => {
    const names = Array.from({ length: 21 }, (_, index) => `A${index}_CAD`);
    const { symbols, problem } = askedIn(`?symbols=${names}`);
    expect(symbols).toEqual(names.slice(0, 20));
    expect(problem).toBe("The widget shows 20 assets at most.");
    expect(askedIn(`?symbols=${names.slice(1)}`).problem).toBe("");
  });

  it("has a theme of two", () => {
    expect(askedIn("?theme=dark").theme).toBe("dark");
    expect(askedIn("?theme=light").theme).toBe("light");
    expect(askedIn("?theme=pink").theme).toBeUndefined();
  });

  it("asks for symbols only, whatever it says", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const { symbols, problem } = askedIn(`?symbols=${encodeURIComponent(text)}`);
        expect(symbols.every((symbol) => /^[A-Z0-9]+_[A-Z]{3}$/.test(symbol))).toBe(true);
        expect(symbols.length > 0 || problem !== "").toBe(true);
      }),
    );
  });
});

describe("the widget's state", () => {
  const facts = { silenceMs: 1000, hasFailed: false, isLate: false, isSimulated: false };
  it.each([
    [{}, "Live", false],
    [{ isSimulated: true }, "Simulated prices, not live ones", false],
    [{ hasFailed: true }, "Live", false],
    [{ silenceMs: undefined }, "Loading", false],
    [{ silenceMs: undefined, hasFailed: true }, "No prices yet: asking again", false],
    [{ silenceMs: 34_999 }, "Live", false],
    [{ silenceMs: 35_000 }, "Prices are 35s old", true],
    [{ silenceMs: 7_200_000, isSimulated: true }, "Simulated prices, 2h old", true],
    [{ isLate: true }, "Prices are 1s old", true],
  ])("%o: %s", (others, text, isOld) => {
    expect(stateOf({ ...facts, ...others })).toEqual({ text, isOld });
  });
});
