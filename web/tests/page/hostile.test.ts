/** A feed that wants to harm its readers: the page shows its texts as texts, and goes on. */

import { describe, expect } from "vitest";
import { CHROMIUM, it, TIMEOUT_MS } from "./browser.ts";
import { SYMBOLS } from "./market.ts";

const MARKUP = "<img src=x onerror=\"document.title='harmed'\"><script>document.title='harmed'</script>";
const MANY = 10_000;
/** A page that draws that many rows takes a while, but no more. */
const DRAWN_MS = 30_000;

interface Fields {
  readonly [name: string]: unknown;
}

/** A tick with these quotes. Those in `texts` are written as they are, numbers or not. */
function tick(seq: number, quotes: readonly Fields[], texts: Readonly<Record<string, string>> = {}): string {
  const now = Date.now();
  const data = quotes.map((quote) => {
    const fields = { timestamp: Math.floor(now / 1000), ts: now, seq, source: "kraken:X", sources: 1, ...quote };
    const prices = { bid: "1", ask: "1", spot: "1", change: "0", change_pct: "0", ...texts };
    const written = Object.entries(prices).map(([name, text]) => `"${name}":${text}`);
    return `${JSON.stringify(fields).slice(0, -1)},${written.join()}}`;
  });
  const frame = { channel: "rates_batch", event: "update", prev_seq: seq - 1, seq, ts: now, unavailable: [] };
  return `${JSON.stringify(frame).slice(0, -1)},"data":[${data.join()}]}`;
}

describe.skipIf(!CHROMIUM)("a hostile feed", { timeout: TIMEOUT_MS }, () => {
  it("shows markup in names, sources and states as text", async ({ site, visit }) => {
    const page = await visit.open();
    const asset = { symbol: MARKUP, renamed_to: MARKUP, source: MARKUP };
    site.send(tick(++site.market.seq, [asset, { symbol: "BTC_CAD", source: MARKUP }]));
    const why = page.locator('tr[data-symbol="BTC_CAD"] .explain');
    await expect.poll(() => why.textContent()).toContain("<img");
    site.send(JSON.stringify({ event: "error", code: MARKUP, message: MARKUP, id: 1 }));
    site.send(JSON.stringify({ event: "closing", reason: MARKUP, reconnect_in_ms: 600_000 }));
    await page.locator("tr", { hasText: "<img" }).last().hover();
    await page.click('tr[data-symbol="BTC_CAD"] .open');
    await page.locator("dialog.chart[open]").waitFor();
    expect(await page.locator("img, body script").count()).toBe(0);
    expect(await page.title()).not.toBe("harmed");
  });

  it.for([
    ["a million digits", "9".repeat(1_000_000)],
    ["a number beyond all", "1e999999999"],
    ["a text", '"NaN"'],
    ["nothing", "null"],
    ["an object", "{}"],
  ] as const)("refuses what is not a price, and goes on: %s", async ([, text], { site, visit }) => {
    const page = await visit.open();
    const spot = page.locator('tr[data-symbol="XRP_CAD"] td.spot');
    const before = await spot.textContent();
    site.send(tick(++site.market.seq, [{ symbol: "XRP_CAD" }], { spot: text }));
    // The client asks for what it has missed.
    site.market.seq += 1;
    site.send(tick(site.market.seq, [{ symbol: "ADA_CAD" }]));
    await visit.is("live");
    await page.waitForTimeout(500);
    expect((await spot.textContent())?.length).toBe(before?.length);
    expect(await page.locator("body").innerHTML()).not.toContain("NaN");
    // It may reconnect within milliseconds, before anybody sees that it has to.
    site.cut();
    await visit.tick();
    await visit.is("live", 20_000);
    expect(await visit.shown()).toEqual(SYMBOLS);
  });

  it("writes a number of 160 digits and one with an exponent", async ({ site, visit }) => {
    const page = await visit.open();
    const long = `${"9".repeat(80)}.${"1".repeat(80)}`;
    site.send(tick(++site.market.seq, [{ symbol: "XRP_CAD" }], { spot: long, bid: "1.5e-7", ask: "15E1" }));
    const cell = (name: string) => page.locator(`tr[data-symbol="XRP_CAD"] td.${name}`);
    await expect.poll(() => cell("bid").textContent()).toBe("0.000000150000");
    await cell("spread").hover();
    await expect.poll(() => cell("spread").getAttribute("title")).toBe("149.99999985 CAD");
    expect((await cell("spot").textContent())?.length).toBeGreaterThan(100);
  });

  it("lists ten thousand symbols, and can still be used", async ({ site, visit }) => {
    const page = await visit.open();
    const many = Array.from({ length: MANY }, (_, index) => ({ symbol: `S${index}_CAD` }));
    site.send(tick(++site.market.seq, many));
    const count = () => page.textContent("#count");
    await expect.poll(() => page.locator("#quotes tr").count(), { timeout: DRAWN_MS }).toBe(SYMBOLS.length + MANY);
    await page.fill("#filter", "S9999_");
    await expect.poll(() => visit.shown(), { timeout: DRAWN_MS }).toEqual(["S9999_CAD"]);
    expect(await count()).toContain("1 of ");
  });
});
