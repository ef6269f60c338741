/** The built page in a real Chromium: why a price is what it is. */

import { describe, expect } from "vitest";
import type { Page } from "./browser.ts";
import { CHROMIUM, it, PHONE, TIMEOUT_MS } from "./browser.ts";
import { covered, cutOff } from "./covered.ts";
import { EXPLAINED } from "./market.ts";
import { shifts, WATCH_SHIFTS } from "./shifts.ts";
import type { Site } from "./site.ts";

const AGAIN_MS = 31_000;
const MARKUP = "<img src=x onerror=alert(1)>";

const open = (page: Page, symbol = "BTC_CAD") => page.click(`tr[data-symbol="${symbol}"] .explain`);
/** A phone's table has no room for the source. */
const openFromChart = async (page: Page, symbol = "BTC_CAD") => {
  await page.click(`tr[data-symbol="${symbol}"] .open`);
  await page.locator("dialog.chart[open] .chart-state[hidden]").waitFor({ state: "attached" });
  await page.click(".chart-agreement");
};
const isShown = (page: Page) => page.locator("dialog.why[open] tbody tr").first().waitFor();
const asked = (site: Site) => site.market.asked.filter(({ event }) => event === "explain");
const rows = (page: Page) =>
  page
    .locator("dialog.why tbody tr")
    .evaluateAll((all) => all.map((row) => [...(row as HTMLTableRowElement).cells].map((cell) => cell.textContent)));

describe.skipIf(!CHROMIUM)("the explanation of a price", { timeout: TIMEOUT_MS }, () => {
  it("lists every market with what became of it, in the order of preference", async ({ site, visit }) => {
    const page = await visit.open();
    await open(page);
    await isShown(page);
    expect(asked(site)).toMatchObject([{ symbol: "BTC_CAD" }]);
    expect(await rows(page)).toEqual([
      ["kraken XBTCAD", "80.0000", "−2001 bp", "", "0s", "✓ votes", "too far from the others"],
      ["binance BTCUSDT", "100.010", "0.00 bp", "", "0s", "✓ votes", "serves: the first in order that agrees"],
      [
        "ndax BTC_CAD",
        "100.030",
        "+2.0 bp",
        "",
        "5s",
        "✓ votes",
        "agrees, but one before it serves; its last trade lies outside its book",
      ],
      ["coingecko bitcoin", "99.9000", "−11.0 bp", "", "0s", "– no vote", "older than three others"],
      ["coinbase BTC-USD", "–", "–", "", "–", "– no vote", "no answer from its source"],
    ]);
    expect(await page.textContent(".why-summary")).toContain("3 sources agree. The median of the votes is 100.010 CAD");
    expect(await page.locator('[data-verdict="taken"] .why-price').getAttribute("title")).toBe(
      "73 USDT at 1.37 CAD (kraken:USDTCAD)",
    );
    // The price above the list is newer.
    expect(await page.textContent(".why-made")).toMatch(/^Explained \ds ago, at 100\.010 CAD\.$/);
    const xs = await page
      .locator(".why-place i")
      .evaluateAll((dots) => dots.map((dot) => dot.getBoundingClientRect().left));
    expect(xs).toHaveLength(4);
    const [kraken = 0, binance = 0, ndax = 0, coingecko = 0] = xs;
    expect(kraken).toBeLessThan(coingecko);
    expect(coingecko).toBeLessThan(binance);
    expect(binance).toBeLessThan(ndax);
    await page.keyboard.press("Escape");
    await page.locator("dialog[open]").waitFor({ state: "detached" });
    expect(await visit.focused()).toBe("BTC_CAD explain");
  });

  it("is asked for again soon when another market serves, else twice a minute", async ({ site, visit }) => {
    const page = await visit.open("", { clockFrom: Date.now() });
    await open(page);
    await isShown(page);
    const price = await page.textContent(".why-price");
    await visit.tick();
    await expect.poll(() => page.textContent(".why-price")).not.toBe(price);
    expect(asked(site)).toHaveLength(1);
    site.market.explained = { ...EXPLAINED, sources: 1, candidates: EXPLAINED.candidates.slice(1, 2) };
    site.market.alone.add("BTC_CAD");
    for (let tick = 0; tick < 3; tick += 1) await visit.tick();
    await page.clock.fastForward(5_000);
    await expect.poll(() => rows(page)).toHaveLength(1);
    expect(asked(site)).toHaveLength(2);
    site.market.explained = EXPLAINED;
    await page.clock.fastForward(AGAIN_MS);
    await expect.poll(() => rows(page)).toHaveLength(5);
    await page.keyboard.press("Escape");
    await page.locator("dialog[open]").waitFor({ state: "detached" });
    await page.clock.fastForward(AGAIN_MS);
    await visit.tick();
    expect(asked(site)).toHaveLength(3);
  });

  it("says what it waits for, and loads by itself over the next connection", async ({ site, visit }) => {
    const page = await visit.open();
    site.market.explained = undefined;
    await open(page);
    await page.locator(".why-state").filter({ hasText: "Asking the feed…" }).waitFor();
    site.market.explained = EXPLAINED;
    site.cut();
    await isShown(page);
    site.isFull = true;
    site.cut();
    await page.locator(".why-notice").filter({ hasText: "No connection to the feed" }).waitFor();
    expect(await rows(page)).toHaveLength(5);
  });

  it("shows hostile names as text", async ({ site, visit }) => {
    const [first] = EXPLAINED.candidates;
    site.market.explained = {
      ...EXPLAINED,
      candidates: [{ ...first, source: MARKUP, market: MARKUP, reason: MARKUP, verdict: MARKUP }],
    };
    const page = await visit.open();
    await open(page);
    await isShown(page);
    expect(await page.locator(".why-market").last().textContent()).toBe(`${MARKUP} ${MARKUP}`);
    expect(await page.locator("dialog img").count()).toBe(0);
  });

  it.for([
    ["light", open, {}],
    ["dark", open, { colorScheme: "dark" }],
    ["phone", openFromChart, { viewport: PHONE }],
    ["small phone", openFromChart, { viewport: { width: 320, height: 568 }, colorScheme: "dark" }],
  ] as const)(
    "has no accessibility violations and moves nothing: %s",
    async ([name, from, options], { site, visit }) => {
      const page = await visit.open("", { ...options, script: WATCH_SHIFTS });
      site.answersAfterMs = 1500;
      await from(page);
      await page.locator(".why-state").filter({ hasText: "Asking the feed…" }).waitFor();
      expect(await visit.violations(`why waits ${name}`)).toEqual([]);
      await isShown(page);
      expect(await visit.violations(`why ${name}`)).toEqual([]);
      expect(await shifts(page)).toEqual([]);
      expect(await page.locator("dialog.why tr > *").evaluateAll(covered)).toEqual([]);
      expect(await page.locator("dialog.why, .why-list").evaluateAll(cutOff)).toEqual([]);
      await page.keyboard.press("Escape");
      await page.locator("dialog.why").waitFor({ state: "detached" });
      expect(await visit.focused()).toBe(from === open ? "BTC_CAD explain" : "chart-agreement");
    },
  );
});
