/** The table of the page on a whole stack, with the feed's prices of the simulated market. */

import { describe, expect } from "vitest";
import type { Page, Visit } from "../page/browser.ts";
import { DESKTOP, PHONE } from "../page/browser.ts";
import { SYMBOLS } from "../page/market.ts";
import { shifts, WATCH_SHIFTS } from "../page/shifts.ts";
import { it, SOURCES } from "./stack.ts";

const TIMEOUT_MS = 120_000;
/** Rows are put in order every few seconds. */
const SOON = { timeout: 20_000 };
const NUMBERS = ["spot", "bid", "ask", "spread", "change", "percent"];

describe("the page on a whole stack", { timeout: TIMEOUT_MS }, () => {
  it("shows the whole catalogue with prices and moves nothing", async ({ visit }) => {
    const page = await visit.open("", { script: WATCH_SHIFTS });
    expect(await visit.shown()).toEqual(SYMBOLS);
    await expect.poll(() => page.textContent("#sources"), SOON).toBe(`${SOURCES.length} of ${SOURCES.length} sources`);
    await expect.poll(() => page.textContent("#pulse"), SOON).toMatch(/^message \ds ago · \d+ ms$/);
    expect(await page.isVisible("#simulated")).toBe(true);
    for (let tick = 0; tick < 5; tick += 1) await visit.tick();
    await expect.poll(async () => (await visit.numbers("spot")).every((spot) => spot > 0), SOON).toBe(true);
    expect(await shifts(page)).toEqual([]);
  });

  it("shows a small price with every digit in the title", async ({ visit }) => {
    const page = await visit.open("?filter=shib");
    const cell = page.locator('tr[data-symbol="SHIB_CAD"] td.spot');
    await cell.hover();
    await expect
      .poll(async () => Number(await cell.textContent()) / Number.parseFloat((await cell.getAttribute("title")) ?? ""))
      .toBeCloseTo(1, 5);
    expect(await cell.textContent()).toMatch(/^0\.0000[1-9]\d{5}$/);
  });

  it("is sorted by each column both ways while prices change", async ({ visit }) => {
    const page = await visit.open();
    for (const column of ["symbol", ...NUMBERS, "trend", "age", "source"]) {
      await page.click(`th[data-column="${column}"] button`);
      await isSorted(page, visit, column);
      await page.click(`th[data-column="${column}"] button`);
      await isSorted(page, visit, column);
      await page.click(`th[data-column="${column}"] button`);
      expect(await visit.shown()).toEqual(SYMBOLS);
    }
  });

  it("filters, keeps favourites, and opens the view in its address", async ({ visit }) => {
    const page = await visit.open();
    await page.keyboard.press("/");
    await page.keyboard.type("bitcoin");
    expect(await visit.shown()).toEqual(["BTC_CAD", "BCH_CAD"]);
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: "Favourite ETH", exact: true }).click();
    await page.getByRole("button", { name: "Favourite SHIB", exact: true }).click();
    await page.getByRole("button", { name: "Favourites", exact: true }).click();
    await page.reload();
    await visit.is("live");
    expect((await visit.shown()).toSorted()).toEqual(["ETH_CAD", "SHIB_CAD"]);
    expect(await visit.query()).toBe("?favourites=1");
    await page.goto(new URL("?symbol=BTC_CAD&sort=change", page.url()).href);
    await visit.is("live");
    await page.locator("dialog.chart[open] .chart-state[hidden]").waitFor({ state: "attached" });
    expect(await page.textContent(".chart-title")).toBe("Bitcoin BTC_CAD");
    await page.keyboard.press("Escape");
    expect(await visit.query()).toBe("?sort=change");
    // Rows change places only while none of them has the focus.
    await page.focus("#filter");
    await isSorted(page, visit, "change");
  });

  it.for([
    ["light", "", {}],
    ["dark", "", { colorScheme: "dark" }],
    ["phone", "", { viewport: PHONE }],
    ["200 % zoom", "", { viewport: { width: DESKTOP.width / 2, height: DESKTOP.height / 2 }, deviceScaleFactor: 2 }],
    ["empty filter", "?filter=there-is-none", {}],
  ] as const)(
    "has no accessibility violations, and nothing beside the screen: %s",
    async ([name, query, options], { visit }) => {
      const page = await visit.open(query, options);
      expect(await visit.violations(`stack ${name}`)).toEqual([]);
      expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);
    },
  );
});

/** The rows are ordered by the column in the direction of its header and of the address, and none is missing. */
async function isSorted(page: Page, visit: Visit, column: string): Promise<void> {
  const way = await page.getAttribute(`th[data-column="${column}"]`, "aria-sort");
  expect(way).toMatch(/^(a|de)scending$/);
  expect(await page.locator("th[aria-sort]:not([aria-sort=none])").count()).toBe(1);
  expect(await visit.query()).toMatch(new RegExp(`^\\?sort=${column}(&order=(asc|desc))?$`));
  expect((await visit.shown()).toSorted()).toEqual(SYMBOLS.toSorted());
  const sign = way === "ascending" ? 1 : -1;
  if (column === "symbol")
    expect(await visit.shown()).toEqual(SYMBOLS.toSorted((one, other) => sign * (one < other ? -1 : 1)));
  if (!NUMBERS.includes(column)) return;
  const inOrder = async () => {
    // Rows without a value always come last.
    const numbers = await visit.numbers(column);
    const known = numbers.filter((number) => !Number.isNaN(number));
    const sorted = known.toSorted((one, other) => sign * (one - other));
    return numbers.slice(0, known.length).every((number, index) => number === sorted[index]);
  };
  await expect.poll(inOrder, SOON).toBe(true);
}
