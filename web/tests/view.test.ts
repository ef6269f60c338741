/** The address keeps the view, and a header's presses go through the orders. */

import fc from "fast-check";
import { expect, it } from "vitest";
import { COLUMNS, nextSort, queryOf, viewOf } from "../src/view.ts";

const views = fc.record({
  filter: fc.string(),
  favouritesOnly: fc.boolean(),
  sort: fc.option(fc.record({ by: fc.constantFrom(...COLUMNS), descending: fc.boolean() }), { nil: undefined }),
  symbol: fc.constantFrom(undefined, "BTC_CAD"),
});

it("a view comes back from its address", () => {
  fc.assert(
    fc.property(views, (view) => {
      expect(viewOf(queryOf(view))).toEqual(view);
    }),
  );
});

it("an address says what is not the usual, and nothing else", () => {
  expect(queryOf(viewOf(""))).toBe("");
  expect(queryOf(viewOf("?symbol=btc_cad&sort=change"))).toBe("?symbol=BTC_CAD&sort=change");
  expect(queryOf(viewOf("?sort=change&order=asc"))).toBe("?sort=change&order=asc");
  expect(queryOf(viewOf("?sort=age&order=asc"))).toBe("?sort=age");
});

it("an address of something that there is not shows the plain view", () => {
  expect(viewOf("?sort=price&favourites=yes&order=up")).toEqual({ filter: "", favouritesOnly: false, sort: undefined, symbol: undefined });
});

it("numbers begin with the highest, words with A, and the third press ends the order", () => {
  const first = nextSort(undefined, "spot");
  expect(first).toEqual({ by: "spot", descending: true });
  const second = nextSort(first, "spot");
  expect(second).toEqual({ by: "spot", descending: false });
  expect(nextSort(second, "spot")).toBeUndefined();
  expect(nextSort(second, "symbol")).toEqual({ by: "symbol", descending: false });
});
