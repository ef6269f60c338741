/** The numbers on the page. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { difference } from "../src/decimal.ts";
import {
  ageText,
  changeText,
  onlySourceText,
  percentText,
  priceText,
  sourceText,
  spreadPercent,
  spreadText,
} from "../src/format.ts";
import { agreementText } from "../src/title.ts";

describe("a price", () => {
  it.each([
    ["0.0000123", "0.0000123000"],
    ["0.000016880248", "0.0000168802"],
    ["130104", "130,104.00"],
    ["4520.7512", "4,520.75"],
    ["999.99951", "1,000.000"],
    ["1", "1.00000"],
    ["0", "0.00"],
  ])("%s reads %s", (price, text) => expect(priceText(price)).toBe(text));

  it("is never shown as 0, nor with an exponent", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 999_999 }), fc.integer({ min: 0, max: 14 }), (digits, places) => {
        const text = priceText((digits / 10 ** places).toFixed(14));
        expect(text).toMatch(/^[\d,]+\.\d{2,}$/);
        expect(text).toMatch(/[1-9]/);
      }),
    );
  });
});

describe("a change", () => {
  it.each([
    ["-2787.4882016", "130124", "−2,787.49"],
    ["0.0000005206304", "0.0000168656848", "+0.0000005206"],
    ["0.0004", "130124", "+0.0004"],
    ["0", "5", "0.00000"],
  ])("%s of a price of %s reads %s", (change, price, text) => expect(changeText(change, price)).toBe(text));

  it.each([
    ["-2.097252", "−2.10%"],
    ["3.185247", "+3.19%"],
    ["-0.0004", "−0.0004%"],
    ["0", "0.00%"],
  ])("of %s percent reads %s", (percent, text) => expect(percentText(percent)).toBe(text));
});

describe("a spread", () => {
  it("is shown in percent of the mid price", () => {
    expect(spreadText(spreadPercent("99", "101"))).toBe("2.000%");
    expect(spreadText(spreadPercent("130104", "130124"))).toBe("0.015%");
    expect(spreadText(spreadPercent("1.5", "1.5"))).toBe("0.000%");
    expect(spreadText(spreadPercent("1", "1.0000002"))).toBe("0.00002%");
  });

  it("is exact to the last digit", () => {
    expect(difference("130124", "130104")).toBe("20");
    expect(difference("0.000016880248", "0.0000168648231")).toBe("0.0000000154249");
    expect(difference("88123.456789012345", "88123.456789012344")).toBe("0.000000000001");
    expect(difference("0.5", "1.25")).toBe("-0.75");
    expect(difference("2.50", "2.5")).toBe("0");
  });
});

it.each([
  [-5, "0s"],
  [0, "0s"],
  [59_999, "59s"],
  [60_000, "1m"],
  [7_200_000, "2h"],
  [90_000_000, "1d"],
])("an age of %d ms reads %s", (ms, text) => expect(ageText(ms)).toBe(text));

it.each([
  ["kraken:XBTCAD", "kraken"],
  ["binance:SHIBUSDT x kraken:USDTCAD", "binance × kraken"],
  ["kraken:XMRUSD x kraken:USDCAD", "kraken"],
  ["coingecko:x", "coingecko"],
  ["kraken:XMRUSD x bank_of_canada:FXUSDCAD", "kraken × bank of canada"],
])("the source %s is called %s", (source, text) => expect(sourceText(source)).toBe(text));

it.each([
  [1, "Only one source"],
  [2, "2 sources agree"],
  [5, "5 sources agree"],
])("%d sources: %s", (sources, text) => expect(agreementText(sources)).toBe(text));

it("the only source of a price is shown without the source of its rate", () => {
  expect(onlySourceText("binance:SHIBUSDT x kraken:USDTCAD")).toBe("only binance");
  expect(onlySourceText("bank_of_canada:FXUSDCAD")).toBe("only bank of canada");
});
