/** The rows that a view shows, and their order. */

import type { Quote } from "cadfeed-client";
import { describe, expect, it } from "vitest";
import type { Entry } from "../src/order.ts";
import { matches, select } from "../src/order.ts";
import type { Column } from "../src/view.ts";
import { viewOf } from "../src/view.ts";

const ENTRIES: Entry[] = [
  entry(
    "BTC_CAD",
    "Bitcoin",
    {
      spot: "130124",
      bid: "130104",
      ask: "130124",
      change: "-2787",
      change_pct: "-2.1",
      ts: 9000,
      source: "kraken:XBTCAD",
    },
    0.02,
  ),
  entry("REN_CAD", "Ren"),
  entry(
    "SHIB_CAD",
    "Shiba Inu",
    { spot: "0.0000168", bid: "0.0000167", ask: "0.0000169", change: "0.0000005", change_pct: "3.2", ts: 5000 },
    -0.5,
  ),
  {
    ...entry("MATIC_CAD", "Polygon", { spot: "0.5", bid: "0.5", ask: "0.5", change: "0", change_pct: "0", ts: 7000 }),
    renamedTo: "POL_CAD",
  },
];

function entry(symbol: string, name: string, quote?: Partial<Quote>, rise?: number): Entry {
  const whole = { symbol, timestamp: 1, seq: 1, source: "binance:X", ...quote } as Quote;
  return { symbol, name, quote: quote && whole, rise };
}

function symbols(query: string, favourites: string[] = []): string[] {
  return select(ENTRIES, viewOf(query), new Set(favourites)).map(({ symbol }) => symbol.replace("_CAD", ""));
}

describe("the order", () => {
  it("is the catalogue's by default", () => expect(symbols("")).toEqual(["BTC", "REN", "SHIB", "MATIC"]));

  it.each<[Column, string[]]>([
    ["symbol", ["BTC", "MATIC", "REN", "SHIB"]],
    ["spot", ["BTC", "MATIC", "SHIB", "REN"]],
    ["bid", ["BTC", "MATIC", "SHIB", "REN"]],
    ["ask", ["BTC", "MATIC", "SHIB", "REN"]],
    ["spread", ["SHIB", "BTC", "MATIC", "REN"]],
    ["change", ["SHIB", "MATIC", "BTC", "REN"]],
    ["percent", ["SHIB", "MATIC", "BTC", "REN"]],
    ["trend", ["BTC", "SHIB", "REN", "MATIC"]],
    ["age", ["BTC", "MATIC", "SHIB", "REN"]],
    ["source", ["SHIB", "MATIC", "BTC", "REN"]],
  ])("by %s is by value, and entries without a value come last", (column, expected) =>
    expect(symbols(`?sort=${column}`)).toEqual(expected),
  );

  it("keeps entries without a value last when it is reversed", () => {
    expect(symbols("?sort=spot&order=asc")).toEqual(["SHIB", "MATIC", "BTC", "REN"]);
    expect(symbols("?sort=source&order=desc")).toEqual(["BTC", "SHIB", "MATIC", "REN"]);
  });
});

describe("the filter", () => {
  it.each([
    ["btc", ["BTC"]],
    ["BIT", ["BTC"]],
    ["pol_cad", ["MATIC"]],
    ["pol_c", ["MATIC"]],
    ["ad", []],
    ["cad", ["BTC", "REN", "SHIB", "MATIC"]],
    ["btc cad", ["BTC"]],
    ["inu shib", ["SHIB"]],
    [" ", ["BTC", "REN", "SHIB", "MATIC"]],
    ["bit shib", []],
    [".*", []],
  ])("%j shows %j", (filter, expected) => expect(symbols(`?filter=${encodeURIComponent(filter)}`)).toEqual(expected));

  it("combines with the favourites", () => {
    expect(symbols("?favourites=1", ["SHIB_CAD", "BTC_CAD"])).toEqual(["BTC", "SHIB"]);
    expect(symbols("?favourites=1&filter=s", ["SHIB_CAD", "BTC_CAD"])).toEqual(["SHIB"]);
    expect(symbols("?favourites=1")).toEqual([]);
  });

  it("needs no quote", () => expect(matches({ symbol: "REN_CAD", name: "Ren" }, "ren")).toBe(true));
});
