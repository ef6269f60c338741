/** The chart in a real Chromium, on the built page and under the deployed page's headers. */

import { describe, expect } from "vitest";
import { CHROMIUM, it, PHONE } from "./browser.ts";
import type { Page } from "./browser.ts";
import { countsOf } from "./leaks.ts";

const TIMEOUT_MS = 90_000;
const TIMES = 50;
const LOOKS = [
  ["light", { colorScheme: "light" }],
  ["dark", { colorScheme: "dark" }],
  ["dark phone", { colorScheme: "dark", viewport: PHONE }],
] as const;

async function openChart(page: Page, symbol = "BTC_CAD"): Promise<void> {
  await page.click(`tr[data-symbol="${symbol}"] .open`);
  await drawn(page);
}

/** Without a handle on an element: it would keep the dialog from being collected. */
const drawn = (page: Page) => page.waitForFunction(() => Boolean(document.querySelector("dialog.chart[open] .chart-state[hidden]")));
const gone = (page: Page) => page.waitForFunction(() => !document.querySelector("dialog.chart"));
const notice = (page: Page) => page.textContent(".chart-notice");
const value = async (page: Page, name: string) => (await page.textContent(`.chart-of-${name} dd`)) ?? "";
const spot = (page: Page) => page.textContent('tr[data-symbol="BTC_CAD"] td.spot');
const said = (page: Page) => page.getAttribute(".chart-plot", "aria-valuetext");
const libraries = (page: Page) =>
  page.evaluate(() => performance.getEntriesByType("resource").filter(({ name }) => name.includes("canvas")).length);

describe.skipIf(!CHROMIUM)("the chart", { timeout: TIMEOUT_MS }, () => {
  it("loads its library when it is opened, and goes on with each quote", async ({ visit }) => {
    const page = await visit.open();
    expect(await libraries(page)).toBe(0);
    await openChart(page);
    expect(await libraries(page)).toBe(1);
    for (let tick = 0; tick < 5; tick++) {
      const before = await page.textContent(".chart-price");
      while ((await page.textContent(".chart-price")) === before) await visit.tick();
      const [close, high, low] = await Promise.all([value(page, "close"), value(page, "high"), value(page, "low")]);
      expect(close).toBe(await page.textContent(".chart-price"));
      expect(close).toBe(await spot(page));
      const [c, h, l] = [close, high, low].map((text) => Number(text.replaceAll(",", "")));
      expect(h).toBeGreaterThanOrEqual(c ?? Number.NaN);
      expect(l).toBeLessThanOrEqual(c ?? Number.NaN);
    }
    expect(await page.textContent(".chart-marks")).toBe("simulated");
  });

  it("is not opened without its style sheet, and is when that comes the next time", async ({ visit }) => {
    const page = await visit.open();
    await page.route("**/chart-*.css", (route) => route.abort());
    await page.click('tr[data-symbol="BTC_CAD"] .open');
    await page.locator("#announcer").filter({ hasText: "The chart could not be loaded" }).waitFor({ state: "attached" });
    expect(await page.locator("dialog").count()).toBe(0);
    await page.unroute("**/chart-*.css");
    await openChart(page);
    expect(await page.locator("dialog.chart").evaluate((dialog) => getComputedStyle(dialog).display)).toBe("flex");
    expect(await page.locator('link[href*="chart-"]').count()).toBe(1);
    // The browser tells of the file that it was not given.
    expect(visit.errors.splice(0)).toEqual(["Failed to load resource: net::ERR_FAILED"]);
  });

  it("is used with the keyboard alone, and gives the focus back", async ({ visit }) => {
    const page = await visit.open();
    await page.focus('tr[data-symbol="SHIB_CAD"] .open');
    await page.keyboard.press("Enter");
    await drawn(page);
    expect(await page.evaluate(() => (document.activeElement as HTMLInputElement).value)).toBe("1m");
    await page.keyboard.press("ArrowRight");
    await page.waitForFunction(() => document.querySelector(".chart-plot")?.getAttribute("aria-valuetext")?.includes(":00 UTC:"));
    await drawn(page);
    expect(await page.evaluate(() => (document.activeElement as HTMLInputElement).value)).toBe("1h");
    await page.keyboard.press("Tab");
    expect(await visit.focused()).toBe("Close chart");
    await page.keyboard.press("Tab");
    expect(await visit.focused()).toMatch(/^Candles of /);
    const at = Number(await page.getAttribute(".chart-plot", "aria-valuenow"));
    for (const key of ["ArrowLeft", "ArrowLeft", "ArrowRight"]) await page.keyboard.press(key);
    expect(Number(await page.getAttribute(".chart-plot", "aria-valuenow"))).toBe(at - 1);
    // What is shown is what is read out.
    for (const name of ["time", "open", "high", "low", "close"]) expect(await said(page)).toContain(await value(page, name));
    await page.keyboard.press("Home");
    expect(await page.getAttribute(".chart-plot", "aria-valuenow")).toBe("0");
    await page.keyboard.press("Escape");
    await gone(page);
    expect(await visit.focused()).toBe("SHIB_CAD open");
  });

  it("says when the feed is cut, and goes on when it is back", async ({ site, visit }) => {
    const page = await visit.open();
    await openChart(page);
    expect(await notice(page)).toBe("");
    await site.stop();
    await expect.poll(() => notice(page)).toMatch(/^No connection/);
    const before = await value(page, "close");
    site.market.update(site.now());
    await site.start();
    await expect.poll(() => notice(page), { timeout: 35_000 }).toBe("");
    for (let tick = 0; tick < 20 && (await value(page, "close")) === before; tick++) site.tick();
    await expect.poll(() => value(page, "close")).not.toBe(before);
    await expect.poll(async () => (await value(page, "close")) === (await spot(page))).toBe(true);
  });

  it.for(LOOKS)("has no violation of accessibility rules, live and cut: %s", async ([name, options], { site, visit }) => {
    const page = await visit.open("", options);
    await openChart(page);
    expect(await visit.violations(`chart ${name}`), "live").toEqual([]);
    await site.stop();
    await expect.poll(() => notice(page)).toMatch(/^No connection/);
    expect(await visit.violations(`chart cut ${name}`), "cut").toEqual([]);
  });

  it.for(LOOKS)("has none of an asset without candles, or a price: %s", async ([name, options], { site, visit }) => {
    site.market.hasCandles = false;
    site.market.unavailable.add("REN_CAD");
    const page = await visit.open("?symbol=REN_CAD", options);
    await expect.poll(() => page.textContent(".chart-state")).toContain("There are no candles of this asset yet.");
    expect(await page.textContent(".chart-marks")).toBe("no price now");
    expect(await visit.violations(`chart without candles ${name}`)).toEqual([]);
  });

  it("leaves nothing behind, however often it is opened", async ({ visit }) => {
    const page = await visit.open();
    const counts = await countsOf(page);
    const openAndClose = async (): Promise<void> => {
      await openChart(page);
      await page.focus(".chart-plot");
      await page.keyboard.press("ArrowLeft");
      await page.keyboard.press("Escape");
      await gone(page);
    };
    for (let time = 0; time < 3; time++) await openAndClose();
    const { nodes, listeners } = await counts();
    for (let time = 0; time < TIMES; time++) await openAndClose();
    await expect.poll(counts, { timeout: 10_000 }).toMatchObject({ nodes, listeners });
  });
});
