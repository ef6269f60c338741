/** The address holds the view, and clicks on a header go through its orders. */

import fc from "fast-check";
import { expect, it } from "vitest";
import { COLUMNS, nextSort, queryOf, viewOf } from "../src/view.ts";

const views = fc.record({
  filter: fc.string(),
  favouritesOnly: fc.boolean(),
  sort: fc.option(fc.record({ by: fc.constantFrom(...COLUMNS), descending: fc.boolean() }), { nil: undefined }),
  symbol: fc.constantFrom(undefined, "BTC_CAD"),
  chart: fc.constantFrom("", "1h,line", "1m,ETH_CAD"),
});

it("a view is restored from its address", () => {
  fc.assert(
    fc.property(views, (view) => {
      // Without a chart its look is of no use.
      expect(viewOf(queryOf(view))).toEqual(view.symbol ? view : { ...view, chart: "" });
    }),
  );
});

it("an address has only what differs from the default view", () => {
  expect(queryOf(viewOf(""))).toBe("");
  expect(queryOf(viewOf("?symbol=btc_cad&sort=change"))).toBe("?symbol=BTC_CAD&sort=change");
  expect(queryOf(viewOf("?sort=change&order=asc"))).toBe("?sort=change&order=asc");
  expect(queryOf(viewOf("?sort=age&order=asc"))).toBe("?sort=age");
  expect(queryOf(viewOf("?chart=1h"))).toBe("");
});

it("an address with unknown values shows the default view", () => {
  expect(viewOf("?sort=price&favourites=yes&order=up")).toEqual({
    filter: "",
    favouritesOnly: false,
    sort: undefined,
    symbol: undefined,
    chart: "",
  });
});

it("numbers begin with the highest; a third click ends the order", () => {
  const first = nextSort(undefined, "spot");
  expect(first).toEqual({ by: "spot", descending: true });
  const second = nextSort(first, "spot");
  expect(second).toEqual({ by: "spot", descending: false });
  expect(nextSort(second, "spot")).toBeUndefined();
  expect(nextSort(second, "symbol")).toEqual({ by: "symbol", descending: false });
});
