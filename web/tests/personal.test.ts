/** The visitor's own tools: exact amounts, alerts that are reached, and what is kept in the browser. */

import type { Quote } from "cadfeed-client";
import fc from "fast-check";
import { afterEach, describe, expect, it, vi } from "vitest";
import { compare, difference, product, quotient } from "../src/decimal.ts";
import { amountIn } from "../src/personal/amount.ts";
import type { Alert } from "../src/personal/watch.ts";
import { isReached, storedAlerts } from "../src/personal/watch.ts";

const numbers = fc
  .tuple(fc.bigInt({ min: 0n, max: 10n ** 20n }), fc.nat({ max: 20 }))
  .map(([units, decimals]) => plain(units, decimals));

afterEach(() => {
  vi.unstubAllGlobals();
  vi.resetModules();
});

/** The same number without the code under test. */
function plain(units: bigint, decimals: number): string {
  const digits = String(units).padStart(decimals + 1, "0");
  return decimals ? `${digits.slice(0, -decimals)}.${digits.slice(-decimals)}` : digits;
}

describe("exact decimals", () => {
  it.each([
    ["0.1", "0.2", "0.02"],
    ["2", "50617.283945", "101234.56789"],
    ["0", "5.5", "0"],
    ["1000000", "0.0000054", "5.4"],
    ["1e3", "-2.5E-2", "-25"],
  ])("%s times %s", (one, other, expected) => {
    expect(product(one, other)).toBe(expected);
  });

  it.each([
    ["1", "3", 18, "0.333333333333333333"],
    ["100", "0.00001688", 18, "5924170.616113744075829383"],
    ["2", "2", 18, "1"],
    ["0", "7", 18, "0"],
    ["1", "3000000", 5, "0"],
  ])("%s divided by %s", (one, other, decimals, expected) => {
    expect(quotient(one, other, decimals)).toBe(expected);
  });

  it("what is divided comes back, less than a unit of the last decimal", () => {
    fc.assert(
      fc.property(numbers, numbers, (dollars, price) => {
        fc.pre(Number(price) > 0);
        const back = product(quotient(dollars, price, 18), price);
        expect(compare(back, dollars)).toBeLessThanOrEqual(0);
        expect(compare(difference(dollars, back), product(price, "0.000000000000000001"))).toBeLessThan(1);
      }),
    );
  });

  it("numbers compare as their difference", () => {
    fc.assert(
      fc.property(numbers, numbers, (one, other) => {
        const expected = difference(one, other).startsWith("-") ? -1 : Number(difference(one, other) !== "0");
        expect(compare(one, other)).toBe(expected);
      }),
    );
  });
});

describe("an amount", () => {
  it.each([
    ["1", "1"],
    [" 1,234.50 ", "1234.50"],
    ["1 234 567", "1234567"],
    ["007", "7"],
    [".5", "0.5"],
    ["5.", "5"],
    ["1,2", undefined],
    ["1,23,456", undefined],
    ["1e5", undefined],
    ["-1", undefined],
    ["", undefined],
    ["NaN", undefined],
    ["9".repeat(81), undefined],
  ])("%j", (text, expected) => {
    expect(amountIn(text)).toBe(expected);
  });
});

it.each([
  ["1 234,5", "1234.5"],
  ["1\u00a0234,5", "1234.5"],
  ["1,234", "1.234"],
  ["1.5", "1.5"],
  ["1,2,3", undefined],
])("an amount with a decimal comma: %j", (text, expected) => {
  expect(amountIn(text, ",")).toBe(expected);
});

describe("an alert", () => {
  const alert: Alert = { symbol: "BTC_CAD", when: "above", price: "100000" };
  const quote = { symbol: "BTC_CAD", spot: "100000.00", ts: 5 } as Quote;
  it.each([
    [{}, {}, true],
    [{}, { spot: "99999.999999999999999999" }, false],
    [{}, { spot: "100000.000000000000000001" }, true],
    [{ when: "below" }, { spot: "100000.000000000000000001" }, false],
    [{ when: "below" }, { spot: "9" }, true],
    [{}, { stale: true }, false],
    [{ reached: { ts: 1, spot: "100001" } }, {}, false],
  ] as const)("%o with %o: %s", (one, other, expected) => {
    expect(isReached({ ...alert, ...one }, { ...quote, ...other })).toBe(expected);
  });

  it.each([
    [null, []],
    ["nonsense", []],
    ['{"a":1}', []],
    [JSON.stringify([alert, null, 5, { ...alert, price: "1e5" }, { ...alert, when: "at" }]), [alert]],
    [
      JSON.stringify([
        { ...alert, reached: { ts: "x" } },
        { ...alert, reached: { ts: 1, spot: "2" } },
      ]),
      1,
    ],
  ])("what cannot be read is left out: %s", (text, expected) => {
    vi.stubGlobal("localStorage", { getItem: () => text });
    if (typeof expected === "number") expect(storedAlerts()).toHaveLength(expected);
    else expect(storedAlerts()).toEqual(expected);
  });
});

describe("the set-up", () => {
  async function setUpOf(search: string, kept: string | null) {
    vi.stubGlobal("location", { search });
    vi.stubGlobal("localStorage", {
      getItem: () => {
        if (kept === null) throw new Error("refused");
        return kept;
      },
    });
    return await import("../src/setup.ts");
  }

  it("is this browser's, unless a link has one", async () => {
    const own = await setUpOf("?sort=change", "theme=dark&columns=trend,spot,nonsense");
    expect([own.isLinked, own.setUp.get("theme"), own.shownColumns()]).toEqual([false, "dark", ["trend", "spot"]]);
    vi.resetModules();
    const linked = await setUpOf("?sort=change&rows=compact&stars=BTC_CAD", "theme=dark");
    expect([linked.isLinked, String(linked.setUp)]).toEqual([true, "rows=compact&stars=BTC_CAD"]);
  });

  it.each([null, "", "columns=", "columns=x,y"])("shows all columns by default: %j", async (kept) => {
    const { shownColumns } = await setUpOf("", kept);
    expect(shownColumns()).toHaveLength(9);
  });
});
