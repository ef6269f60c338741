/** The built page in a real Chromium: how it marks prices that should not be trusted. */

import { describe, expect } from "vitest";
import type { Page } from "./browser.ts";
import { CHROMIUM, it, PHONE, TIMEOUT_MS } from "./browser.ts";
import { SYMBOLS } from "./market.ts";
import { shifts, WATCH_SHIFTS } from "./shifts.ts";

const HOUR_MS = 3_600_000;
/** A feed whose pace is not yet known is quiet after 35 s. */
const QUIET_MS = 36_000;
/** A silent connection is dead after 45 s; the last 8 s are for the answer to a ping. */
const REST_MS = 9_000;
const LIVE_STATUS = { kraken: "ok", coinbase: "ok", ndax: "ok" };

/** The states that the page showed, one after the other. */
const WATCH_STATE = `
  window.states = [];
  (function look() {
    const label = document.getElementById("state")?.textContent;
    if (label && window.states.at(-1) !== label) window.states.push(label);
    requestAnimationFrame(look);
  })();
`;

const statesOf = (page: Page) => page.evaluate(() => (window as unknown as { states: string[] }).states);
const sourceOf = (page: Page, symbol: string) => page.locator(`tr[data-symbol="${symbol}"] td.source`);
/** In seconds. */
const ageOf = async (page: Page, symbol: string) =>
  Number(/^(\d+)s$/.exec((await page.textContent(`tr[data-symbol="${symbol}"] td.age`)) ?? "")?.[1]);

async function titleOf(page: Page, symbol: string): Promise<string | null> {
  await sourceOf(page, symbol).hover();
  await page.locator(`tr[data-symbol="${symbol}"] td.source[title]`).waitFor();
  return await sourceOf(page, symbol).getAttribute("title");
}

describe.skipIf(!CHROMIUM)("a feed that is late", { timeout: TIMEOUT_MS }, () => {
  it.for([
    ["light", {}],
    ["dark phone", { colorScheme: "dark", viewport: PHONE }],
  ] as const)(
    "is called so from its first prices on, never live, until it ticks: %s",
    async ([name, options], { site, visit }) => {
      site.market.status = { feed: "late", ...LIVE_STATUS };
      for (const symbol of SYMBOLS) site.market.stale.add(symbol);
      const page = await visit.open("", { ...options, script: WATCH_STATE, kind: "quiet" });
      expect(await statesOf(page)).toEqual(["Connecting", "Late"]);
      expect(await page.textContent("#detail")).toContain("The feed has had no new prices for a while");
      expect(await page.textContent("#sources")).toBe("3 of 3 sources");
      expect(await page.locator("body.out-of-date").count()).toBe(1);
      await expect.poll(() => page.locator("#quotes tr.stale").count()).toBe(SYMBOLS.length);
      expect(await visit.violations(`late ${name}`)).toEqual([]);
      site.market.stale.clear();
      await visit.tick();
      await visit.is("live");
      expect(await page.locator("body.out-of-date").count()).toBe(0);
      expect(await page.textContent("#detail")).toBe("");
      expect(await statesOf(page)).toEqual(["Connecting", "Late", "Live"]);
    },
  );

  it("is shown as late on a new connection, too", async ({ site, visit }) => {
    const page = await visit.open("", { script: WATCH_STATE });
    site.market.status = { feed: "late", ...LIVE_STATUS };
    site.cut();
    await visit.is("quiet");
    const states = await statesOf(page);
    expect(states.filter((state) => state === "Live")).toHaveLength(1);
    expect(states.at(-1)).toBe("Late");
  });
});

describe.skipIf(!CHROMIUM)("sources that agree", { timeout: TIMEOUT_MS }, () => {
  it("are counted in the title of a source, and in the chart", async ({ site, visit }) => {
    site.market.alone.add("ETH_CAD");
    const page = await visit.open();
    expect(await titleOf(page, "BTC_CAD")).toBe("kraken:BTCCAD\n4 sources agree\nClick to see why.");
    expect(await titleOf(page, "ETH_CAD")).toBe("binance:ETHUSDT x kraken:USDTCAD\nOnly one source\nClick to see why.");
    const dotsOf = (symbol: string) => sourceOf(page, symbol).locator("button").getAttribute("data-dots");
    expect([await dotsOf("BTC_CAD"), await dotsOf("ETH_CAD")]).toEqual(["●●●●", "●"]);
    await page.click('tr[data-symbol="BTC_CAD"] .open');
    await page.locator(".chart-agreement").filter({ hasText: "4 sources agree" }).waitFor();
    await page.keyboard.press("Escape");
    await page.click('tr[data-symbol="ETH_CAD"] .open');
    await page.locator(".chart-agreement").filter({ hasText: "Only one source" }).waitFor();
  });

  it.for([320, 390, 1440])(
    "mark a single source in words without moving anything, %i px wide",
    async (width, { site, visit }) => {
      const page = await visit.open("", { viewport: { width, height: 860 }, script: WATCH_SHIFTS });
      const heights = () =>
        page.locator("#quotes tr").evaluateAll((rows) => rows.map((row) => row.getBoundingClientRect().height));
      const before = await heights();
      const isCut = (cell: Element) => cell.scrollWidth > cell.clientWidth;
      expect(await sourceOf(page, "ETH_CAD").locator("button").evaluate(isCut)).toBe(false);
      expect(await sourceOf(page, "ETH_CAD").textContent()).toBe("binance × kraken");
      for (const symbol of SYMBOLS) if (symbol !== "BTC_CAD") site.market.alone.add(symbol);
      for (let tick = 0; tick < 4; tick += 1) await visit.tick();
      expect(await sourceOf(page, "ETH_CAD").textContent()).toBe("only binance");
      expect(await sourceOf(page, "BTC_CAD").textContent()).toBe("kraken");
      expect(await heights()).toEqual(before);
      expect(await shifts(page)).toEqual([]);
      expect(await sourceOf(page, "ETH_CAD").locator("button").evaluate(isCut)).toBe(false);
      expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);
      expect(await visit.violations(`alone ${width}`)).toEqual([]);
    },
  );

  it("are not mentioned if no price has several of them", async ({ site, visit }) => {
    for (const symbol of SYMBOLS) site.market.alone.add(symbol);
    const page = await visit.open();
    expect(await sourceOf(page, "ETH_CAD").textContent()).toBe("binance × kraken");
  });

  it("exclude one that contradicts them, which the page names", async ({ site, visit }) => {
    site.market.status = { binance: "suspect", ...LIVE_STATUS };
    const page = await visit.open();
    expect(await page.textContent("#detail")).toBe(
      "Binance disagrees with the others and is left out. Other sources replace them where possible.",
    );
    expect(await page.textContent("#sources")).toBe("3 of 4 sources");
    expect(await page.locator("body.out-of-date").count()).toBe(0);
    expect(await visit.violations("suspect")).toEqual([]);
  });
});

describe.skipIf(!CHROMIUM)("a device whose clock is set", { timeout: TIMEOUT_MS }, () => {
  it.for([
    ["back an hour", [-HOUR_MS]],
    ["forward an hour and back", [HOUR_MS, -HOUR_MS]],
  ] as const)("%s does not hide that the line is dead", async ([, steps], { site, visit }) => {
    const page = await visit.open("", { clockFrom: Date.now() });
    site.isMute = true;
    const clock = await paused(page);
    for (const step of steps) {
      await clock.set(step);
      await page.clock.runFor(1000);
    }
    await page.clock.runFor(QUIET_MS);
    // If the clock was ahead for a while, the page may have closed the connection earlier than necessary.
    await page.locator('#state:not([data-kind="live"])').waitFor({ timeout: 1000 });
    expect(await page.locator("body.out-of-date").count()).toBe(1);
    await page.clock.runFor(REST_MS);
    // The page has closed the connection, and gets no answer on the next one.
    await page.locator('#state:is([data-kind="connecting"], [data-kind="reconnecting"])').waitFor({ timeout: 1000 });
  });

  it("back an hour makes no price younger", async ({ site, visit }) => {
    const page = await visit.open("", { clockFrom: Date.now() });
    site.isMute = true;
    const clock = await paused(page);
    const before = await ageOf(page, "BTC_CAD");
    await clock.set(-HOUR_MS);
    await page.clock.runFor(20_000);
    expect(await ageOf(page, "BTC_CAD")).toBeGreaterThanOrEqual(before + 19);
    expect(await ageOf(page, "BTC_CAD")).toBeLessThan(before + 25);
  });
});

/** Pauses the page's time, which only the test advances. `set` changes the device's clock alone. */
async function paused(page: Page): Promise<{ set: (byMs: number) => Promise<void> }> {
  const wall = () => page.evaluate(() => Date.now());
  await page.clock.pauseAt((await wall()) + 2000);
  return { set: async (byMs) => page.clock.setSystemTime((await wall()) + byMs) };
}
