/** The page on a whole stack whose sources and connection fail: it says so, and stops when they are back. */

import { afterEach, describe, expect } from "vitest";
import { IN_FIREFOX, PHONE } from "../page/browser.ts";
import { SYMBOLS } from "../page/market.ts";
import { it, SOURCES, setFaults } from "./stack.ts";

const TIMEOUT_MS = 120_000;
const SOON = { timeout: 30_000 };
/** The feed asks a failed source again after a while, which grows with each failure. */
const HEALED_WITHIN = { timeout: 60_000 };
const OFF = { status: 503 };

describe("the page on a stack that fails", { timeout: TIMEOUT_MS }, () => {
  // This also cleans up after a test that failed half-way.
  afterEach(() => setFaults({}));

  // The stack starts with the fault, because a live rate counts for two more minutes.
  it("names the daily rate while there is no live one", async ({ visit }) => {
    const page = await visit.open();
    const detail = () => page.textContent("#detail");
    await expect.poll(detail, SOON).toMatch(/^There is no live US dollar rate; .* \(bank of canada\)\.$/);
    expect(await visit.violations("stack daily rate")).toEqual([]);
    // The feed finds the market again when it next asks for all markets: the last of these tests waits for that.
  });

  it("names the sources that do not answer, and continues", async ({ visit }) => {
    const page = await visit.open();
    const detail = () => page.textContent("#detail");
    await setFaults({ coinbase: OFF, coingecko: OFF });
    await expect
      .poll(detail, SOON)
      .toBe("No answer from coinbase, coingecko. Other sources replace them where possible.");
    expect(await page.textContent("#sources")).toBe(`${SOURCES.length - 2} of ${SOURCES.length} sources`);
    await visit.is("live");
    await visit.tick();
    await setFaults({});
    await expect
      .poll(() => page.textContent("#sources"), HEALED_WITHIN)
      .toBe(`${SOURCES.length} of ${SOURCES.length} sources`);
  });

  it("shows prices as stale that no source confirms", async ({ visit }) => {
    const page = await visit.open();
    await setFaults(Object.fromEntries(SOURCES.map((source) => [source, OFF])));
    // At first the page reports the silence.
    await expect
      .poll(() => page.textContent("#detail"), HEALED_WITHIN)
      .toMatch(/^No source confirms any price now: all are stale\. No answer from binance, kraken, .*\.$/);
    await visit.is("quiet");
    expect(await page.locator("#quotes tr:is(.stale, .priceless)").count()).toBe(SYMBOLS.length);
    expect(await page.locator("#quotes tr.stale td.age").first().textContent()).toMatch(/^stale \d+[sm]$/);
    expect(await visit.violations("stack stale light")).toEqual([]);
    await page.emulateMedia({ colorScheme: "dark" });
    expect(await visit.violations("stack stale dark")).toEqual([]);
    await setFaults({});
    await visit.is("live", HEALED_WITHIN.timeout);
    await expect.poll(() => page.locator("#quotes tr.stale").count(), HEALED_WITHIN).toBe(0);
  });

  it("says that it is cut off, and that the device is, until neither is so", async ({ visit, wire }) => {
    const page = await visit.open();
    const outOfDate = page.locator("body.out-of-date");
    const accessible = async (state: string) => {
      expect(await visit.violations(`stack ${state} light`)).toEqual([]);
      await page.emulateMedia({ colorScheme: "dark" });
      const { width, height } = page.viewportSize() ?? PHONE;
      await page.setViewportSize(PHONE);
      expect(await visit.violations(`stack ${state} dark phone`)).toEqual([]);
      await page.setViewportSize({ width, height });
      await page.emulateMedia({ colorScheme: null });
    };
    wire.cut();
    await visit.is("reconnecting");
    await outOfDate.waitFor(SOON);
    expect(await page.textContent("#detail")).toMatch(/^Prices are \d+s old\. /);
    await accessible("reconnecting");
    // Firefox cannot be told that it has no network.
    if (!IN_FIREFOX) {
      await page.context().setOffline(true);
      await visit.is("offline");
      expect(await page.textContent("#detail")).toContain("This device has no network");
      await accessible("offline");
      await page.context().setOffline(false);
    }
    wire.mend();
    await visit.is("live", SOON.timeout);
    await expect.poll(() => outOfDate.count(), SOON).toBe(0);
    await visit.tick();
    await expect.poll(() => page.textContent("#detail"), HEALED_WITHIN).toBe("");
  });
});
