/** The page in French: its words, its numbers, and room for both. */

import { describe, expect } from "vitest";
import type { Page } from "./browser.ts";
import { it as base, CHROMIUM, PHONE, TIMEOUT_MS } from "./browser.ts";
import { covered, cutOff } from "./covered.ts";
import { shifts, WATCH_SHIFTS } from "./shifts.ts";
import type { Built } from "./site.ts";
import { built } from "./site.ts";

const it = base.extend<{ from: Built }>({ from: [async ({}, use) => use(await built("fr")), { scope: "file" }] });
const FRENCH = { locale: "fr-CA" };
/** Words of the page that would be English by mistake. */
const ENGLISH = /\b(the|of|and|is|are|with|price|prices|no|sources? agree|ago|live|settings|close)\b/i;

/** The lines of a part of the page that look English. Names are not translated. */
async function englishIn(page: Page, part: string): Promise<string[]> {
  // biome-ignore lint/performance/useDomNodeTextContent: hidden texts do not count, and lines end as they are seen.
  const lines = (await page.locator(part).innerText()).split("\n");
  return lines.filter(
    (line) => ENGLISH.test(line) && !/CoinGecko|Exchange Rate|TradingView|The (?:Sandbox|Graph)$/.test(line),
  );
}

describe.skipIf(!CHROMIUM)("the page in French", { timeout: TIMEOUT_MS }, () => {
  it("has French words and numbers everywhere, and moves nothing", async ({ site, visit }) => {
    site.market.stale.add("ETH_CAD");
    site.market.unavailable.add("LTC_CAD");
    const page = await visit.open("", { ...FRENCH, script: WATCH_SHIFTS });
    expect(await page.locator("html").getAttribute("lang")).toBe("fr-CA");
    const manifest = await page.evaluate(async () => {
      const { href } = document.querySelector("link[rel=manifest]") as HTMLLinkElement;
      return (await (await fetch(href)).json()) as { name: string; lang: string };
    });
    expect([manifest.name, manifest.lang]).toEqual(["Cryptos en $ canadiens", "fr-CA"]);
    expect(await page.textContent("#state")).toBe("En direct");
    await expect.poll(() => page.textContent("#ups")).toMatch(/^\d+ hausses$/);
    expect(await page.textContent('tr[data-symbol="XRP_CAD"] td.spot')).toMatch(/^[\d\u00a0]+,\d+$/);
    expect(await page.textContent('tr[data-symbol="XRP_CAD"] td.percent')).toMatch(/^[+−]\d+,\d\d\u00a0%$/);
    expect(await page.textContent('tr[data-symbol="ETH_CAD"] td.age')).toMatch(/^figé \d+\u00a0min$/);
    expect(await page.textContent('tr[data-symbol="LTC_CAD"] td.spot')).toBe("sans prix");
    const left = page.locator('tr[data-symbol="XRP_CAD"] td.spot, tr[data-symbol="BTC_CAD"] td.spot');
    const decimals = await left.evaluateAll((all) => all.map((cell) => (cell as HTMLElement).dataset["decimals"]));
    expect(decimals).toEqual(["2", "5"]);
    expect(await englishIn(page, "body")).toEqual([]);
    await page.hover('tr[data-symbol="XRP_CAD"] td.spot');
    await expect.poll(() => page.getAttribute('tr[data-symbol="XRP_CAD"] td.spot', "title")).toMatch(/^\d+,\d+ CAD$/);
    await visit.tick();
    expect(await shifts(page)).toEqual([]);
  });

  it.for([
    ["light", {}],
    ["dark", { colorScheme: "dark" }],
    ["phone", { viewport: PHONE }],
    ["small phone", { viewport: { width: 320, height: 568 } }],
    ["200 % zoom", { viewport: { width: 680, height: 430 }, deviceScaleFactor: 2 }],
  ] as const)(
    "has no accessibility violations, and nothing is cut off: %s",
    async ([name, options], { site, visit }) => {
      site.market.stale.add("ETH_CAD");
      const page = await visit.open("", { ...FRENCH, ...options });
      expect(await visit.violations(`French ${name}`)).toEqual([]);
      expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);
      const cut = await page
        .locator(
          "thead button:visible, #day p:visible, #controls :visible:not([class*=hidden]), td:visible:not(.source)",
        )
        .evaluateAll((all) =>
          all
            .filter((each) => getComputedStyle(each).overflow !== "visible" && each.scrollWidth > each.clientWidth + 1)
            .map((each) => each.textContent),
        );
      expect(cut).toEqual([]);
      await expect.poll(() => page.locator("#gains button:visible, #losses button:visible").count()).toBeGreaterThan(1);
      expect(await page.locator("#ups, #downs, #day button").evaluateAll(covered)).toEqual([]);
      expect(await page.locator("#day button:visible").evaluateAll(cutOff)).toEqual([]);
      for (const [opener, dialog] of [
        ['tr[data-symbol="BTC_CAD"] .open', "chart"],
        [".chart-agreement", "why"],
      ] as const) {
        await page.click(opener);
        await page.locator(`dialog.${dialog}[open]`).waitFor();
        await visit.tick();
        expect(await visit.violations(`French ${dialog} ${name}`)).toEqual([]);
        expect(await page.locator(`dialog.${dialog} :is(tr > *, dd)`).evaluateAll(covered)).toEqual([]);
        expect(await page.locator(`dialog.${dialog}, dialog.${dialog} form`).evaluateAll(cutOff)).toEqual([]);
        expect(await englishIn(page, `dialog.${dialog}`)).toEqual([]);
      }
    },
  );

  it("has tools that take a decimal comma", async ({ site, visit }) => {
    const page = await visit.open("", FRENCH);
    const openTool = async (name: string) => {
      await page.click("#more");
      await page.getByRole("button", { name, exact: true }).click();
      await page.locator("dialog.tool").waitFor();
    };
    await openTool("Convertir");
    await page.getByLabel("Quantité").fill("1 000,5");
    const spot = Number(site.market.spotOf("BTC_CAD"));
    const dollars = (await page.getByLabel("Dollars canadiens").inputValue()).replace(",", ".");
    expect(Number(dollars) / 1000.5 / spot).toBeCloseTo(1, 2);
    await page.keyboard.press("Escape");
    for (const tool of ["Convertir", "Alertes de prix", "Réglages"]) {
      await openTool(tool);
      expect(await visit.violations(`French ${tool}`)).toEqual([]);
      expect(await englishIn(page, "dialog.tool")).toEqual([]);
      await page.keyboard.press("Escape");
    }
  });

  it("is chosen in the settings, which a cookie keeps", async ({ visit }) => {
    const page = await visit.open("", FRENCH);
    await page.click("#more");
    await page.getByRole("button", { name: "Réglages", exact: true }).click();
    await Promise.all([page.waitForEvent("load"), page.getByLabel("Langue").selectOption("en")]);
    const cookies = await page.context().cookies();
    expect(cookies.map(({ name, value }) => `${name}=${value}`)).toEqual(["lang=en"]);
  });
});
