/** The built page in a real Chromium, under the deployed page's headers: what it shows. */

import { describe, expect } from "vitest";
import { CHROMIUM, DESKTOP, it, PHONE, TIMEOUT_MS } from "./browser.ts";
import type { Page } from "./browser.ts";
import { SYMBOLS } from "./market.ts";
import { shifts, WATCH_SHIFTS } from "./shifts.ts";

/** How many rows have a price, in each picture in which that is another number. */
const WATCH_PRICES = `
  window.priced = [];
  (function look() {
    const cells = [...document.querySelectorAll("#quotes td.spot")];
    const count = cells.filter(({ textContent }) => /[0-9]/.test(textContent)).length;
    if (count && window.priced.at(-1) !== count) window.priced.push(count);
    requestAnimationFrame(look);
  })();
`;

/** The symbols that stood in the first row in sight, in the order in which they came there. */
const WATCH_FIRST = `
  window.first = [];
  (function look() {
    const row = document.querySelector("#quotes tr:not([hidden])");
    if (row?.checkVisibility({ visibilityProperty: true }) && window.first.at(-1) !== row.dataset.symbol) window.first.push(row.dataset.symbol);
    requestAnimationFrame(look);
  })();
`;

/** 4 s and the second between two looks, with room for a busy machine; a feed whose pace is not known is quiet after 35 s. */
const QUIET_WITHIN_MS = 15_000;

const directions = (page: Page) =>
  page.locator("#quotes td.spot").evaluateAll((all) => all.map((cell) => (cell as HTMLElement).dataset["direction"]));

/** The texts of a row that stand on one another, or outside the row. Runs in the page. */
function covered(): string[] {
  return [...document.querySelectorAll<HTMLTableRowElement>("#quotes tr")].slice(0, 12).flatMap((row) => {
    const places = [...row.cells].filter((cell) => cell.textContent).map((cell) => {
      const range = document.createRange();
      range.selectNodeContents(cell.querySelector(".ticker") ?? cell);
      return { text: cell.textContent, box: range.getBoundingClientRect() };
    });
    const { left, right } = row.getBoundingClientRect();
    const outside = places.filter(({ box }) => box.left < left || box.right > right).map(({ text }) => `${text} outside`);
    const pairs = places.flatMap((one, at) => places.slice(at + 1).map((other) => [one, other] as const));
    const isOn = (one: DOMRect, other: DOMRect) =>
      one.left < other.right && other.left < one.right && one.top + 4 < other.bottom && other.top + 4 < one.bottom;
    return [...outside, ...pairs.filter(([one, other]) => isOn(one.box, other.box)).map(([one, other]) => `${one.text} on ${other.text}`)];
  });
}

describe.skipIf(!CHROMIUM)("the page", { timeout: TIMEOUT_MS }, () => {
  it("has its rows before the feed answers, and nothing moves when the prices come", async ({ visit }) => {
    const page = await visit.open("", { script: WATCH_SHIFTS });
    expect(await visit.shown()).toEqual(SYMBOLS);
    expect(await page.locator("#quotes .open").first().textContent()).toBe("BTC_CADBitcoin");
    await visit.tick();
    expect(await shifts(page)).toEqual([]);
    expect(await page.locator("#simulated").isVisible()).toBe(true);
    expect(await page.locator("#sources").textContent()).toBe("6 of 6 sources");
  });

  it("does not have the prices in sight wait for the others", async ({ visit }) => {
    const page = await visit.open("", { script: WATCH_PRICES });
    const [first, ...others] = await page.evaluate(() => (window as unknown as { priced: number[] }).priced);
    expect(first).toBeLessThan(SYMBOLS.length / 2);
    expect(others).toEqual([SYMBOLS.length]);
  });

  it.for([DESKTOP, PHONE])("has the order that its address asks for from the first prices on, $width px wide", async (viewport, { site, visit }) => {
    site.answersAfterMs = 500;
    const page = await visit.open("?sort=percent", { viewport, script: WATCH_SHIFTS + WATCH_FIRST });
    const percents = await visit.numbers("percent");
    expect(percents).toEqual(percents.toSorted((one, other) => other - one));
    expect(await page.evaluate(() => (window as unknown as { first: string[] }).first)).toEqual((await visit.shown()).slice(0, 1));
    expect(await shifts(page)).toEqual([]);
  });

  it("moves nothing while it goes on, nor behind a chart", async ({ visit }) => {
    for (const query of ["", "?symbol=BTC_CAD"]) {
      const page = await visit.open(query, { script: WATCH_SHIFTS });
      if (query) await page.locator("dialog.chart[open] .chart-state[hidden]").waitFor({ state: "attached" });
      for (let tick = 0; tick < 20; tick += 1) await visit.tick();
      expect(await shifts(page)).toEqual([]);
    }
  });

  it.for([DESKTOP, PHONE])("moves nothing in a chart that is open before its price comes, $width px wide", async (viewport, { site, visit }) => {
    site.answersAfterMs = 1500;
    const page = await visit.open("?symbol=BTC_CAD", { viewport, script: WATCH_SHIFTS });
    await expect.poll(() => page.locator(".chart-agreement").textContent()).toMatch(/agree/);
    await visit.tick();
    expect(await shifts(page)).toEqual([]);
  });

  it("moves nothing when an age has another unit", async ({ site, visit }) => {
    site.market.ageMs = 65_000;
    const page = await visit.open("", { script: WATCH_SHIFTS });
    expect(await page.locator("#quotes td.age").first().textContent()).toBe("1m");
    site.market.ageMs = undefined;
    await visit.tick();
    expect(await page.locator("#quotes td.age").first().textContent()).toBe("0s");
    expect(await shifts(page)).toEqual([]);
  });

  it.for([320, 390, 1217, 1440])("moves and covers nothing when a change has all its digits, %i px wide", async (width, { site, visit }) => {
    const page = await visit.open("", { viewport: { width, height: 860 }, script: WATCH_SHIFTS });
    for (const [percent, text] of [[-0.000001, "−0.000001%"], [0.01, "+0.01%"], [12_345.67, "+12,345.67%"]] as const) {
      site.market.percent = percent;
      await visit.tick();
      expect(await page.locator("#quotes td.percent").allTextContents()).toContain(text);
      expect(await page.evaluate(covered)).toEqual([]);
    }
    expect(await shifts(page)).toEqual([]);
  });

  it("moves nothing on a phone either", async ({ visit }) => {
    const page = await visit.open("", { viewport: PHONE, script: WATCH_SHIFTS });
    await visit.tick();
    expect(await shifts(page)).toEqual([]);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(PHONE.width);
  });

  it("shows small prices with their digits, and the whole of each in its title", async ({ visit }) => {
    const page = await visit.open("?filter=shib");
    const spot = page.locator('tr[data-symbol="SHIB_CAD"] td.spot');
    expect(await spot.textContent()).toMatch(/^0\.0000[1-9]\d{5}$/);
    await spot.hover();
    expect(await spot.getAttribute("title")).toMatch(/^0\.0000[1-9]\d{8} CAD$/);
  });

  it("is sorted by each header, and says so in aria-sort and in the address", async ({ visit }) => {
    const page = await visit.open();
    for (const column of ["spot", "bid", "ask", "change", "percent"]) {
      await page.locator(`th[data-column="${column}"] button`).click();
      const descending = await visit.numbers(column);
      expect(descending).toEqual(descending.toSorted((a, b) => b - a));
      expect(await page.locator(`th[data-column="${column}"]`).getAttribute("aria-sort")).toBe("descending");
      expect(await page.locator('th[aria-sort="descending"], th[aria-sort="ascending"]').count()).toBe(1);
      expect(await visit.query()).toBe(`?sort=${column}`);
    }
    await page.locator('th[data-column="percent"] button').press("Enter");
    const ascending = await visit.numbers("percent");
    expect(ascending).toEqual(ascending.toSorted((a, b) => a - b));
    expect(await page.locator('th[data-column="percent"]').getAttribute("aria-sort")).toBe("ascending");
    await page.locator('th[data-column="percent"] button').press("Enter");
    expect(await visit.shown()).toEqual(SYMBOLS);
    expect(await page.locator('th[aria-sort="none"]').count()).toBe(await page.locator("thead th").count());
    expect(await visit.query()).toBe("");
  });

  it("is filtered as one types, from the slash on, and Escape shows all again", async ({ visit }) => {
    const page = await visit.open();
    await page.keyboard.press("/");
    await page.keyboard.type("bitcoin");
    expect(await visit.shown()).toEqual(["BTC_CAD", "BCH_CAD"]);
    expect(await page.locator("#count").textContent()).toBe(`2 of ${SYMBOLS.length} assets`);
    await page.locator("#announcer").filter({ hasText: `2 of ${SYMBOLS.length} assets` }).waitFor();
    await page.keyboard.press("Escape");
    expect(await visit.shown()).toHaveLength(SYMBOLS.length);
  });

  it("keeps favourites across visits", async ({ visit }) => {
    const page = await visit.open();
    await page.getByRole("button", { name: "Favourite ETH", exact: true }).click();
    await page.getByRole("button", { name: "Favourites", exact: true }).click();
    expect(await visit.shown()).toEqual(["ETH_CAD"]);
    await page.reload();
    await visit.is("live");
    expect(await visit.shown()).toEqual(["ETH_CAD"]);
    expect(await visit.query()).toBe("?favourites=1");
  });

  it("marks where a price went until the next tick, in words for those who do not see the colour", async ({ visit }) => {
    const page = await visit.open();
    expect(await directions(page)).toEqual(expect.arrayContaining(["up", "down"]));
    const before = await visit.numbers("spot");
    await visit.tick();
    const after = await visit.numbers("spot");
    const marked = await directions(page);
    after.forEach((spot, row) => {
      const moved = spot - (before[row] ?? 0);
      if (moved) expect(marked[row]).toBe(moved > 0 ? "up" : "down");
    });
  });

  it("touches only the rows that a tick changes", async ({ site, visit }) => {
    const page = await visit.open();
    for (const symbol of SYMBOLS.slice(1)) site.market.unavailable.add(symbol);
    await page.evaluate(() => {
      const touched = new Set<string>();
      Object.assign(window, { touched });
      new MutationObserver((records) => {
        for (const { target } of records) {
          const cell = (target instanceof Element ? target : target.parentElement)?.closest("td");
          // Ages go on by themselves, and lines come in as the feed answers.
          if (cell && !cell.matches(".age, .trend")) touched.add(cell.closest("tr")?.dataset["symbol"] ?? "");
        }
      }).observe(document.getElementById("quotes") as Node, { subtree: true, characterData: true, childList: true, attributes: true });
    });
    // The marks of the tick before go with this one; of the next one there is nothing left but the one that moved.
    for (let tick = 0; tick < 3; tick += 1) await visit.tick();
    await page.evaluate(() => (window as unknown as { touched: Set<string> }).touched.clear());
    for (let tick = 0; tick < 3; tick += 1) await visit.tick();
    const touched = await page.evaluate(() => [...(window as unknown as { touched: Set<string> }).touched]);
    expect(touched).toEqual(["BTC_CAD"]);
  });

  it("says when a price is stale, and when there is none", async ({ site, visit }) => {
    site.market.stale.add("XMR_CAD");
    site.market.unavailable.add("REN_CAD");
    const page = await visit.open();
    expect(await page.locator('tr[data-symbol="XMR_CAD"] td.age').textContent()).toBe("stale 1m");
    expect(await page.locator('tr[data-symbol="XMR_CAD"].stale').count()).toBe(1);
    expect(await page.locator('tr[data-symbol="REN_CAD"] td.spot').textContent()).toBe("no price");
  });

  it("shows within 2 s that the feed is gone, stale prices within 5 s, and the truth when it is back", async ({ site, visit }) => {
    const page = await visit.open();
    const lookOf = () =>
      page.locator('tr[data-symbol="BTC_CAD"] td.spot').evaluate((cell) => {
        const { color, fontStyle } = getComputedStyle(cell);
        return `${color} ${fontStyle}`;
      });
    const fresh = await lookOf();
    const cutAt = Date.now();
    await site.stop();
    await visit.is("reconnecting", 2000);
    expect(await page.locator("#state").textContent()).toMatch(/^Reconnecting in \d+ s$/);
    await expect.poll(lookOf, { timeout: 5000 }).not.toBe(fresh);
    expect(Date.now() - cutAt).toBeLessThan(5000);
    expect(await page.locator("#detail").textContent()).toContain("If trying again does not help, check your network.");
    expect(await visit.shown()).toEqual(SYMBOLS);
    await site.start();
    await visit.is("live", 35_000);
    await page.locator("body:not(.out-of-date)").waitFor({ timeout: 5000 });
  });

  it("calls prices out of date soon when the connection stands and the feed is silent", async ({ visit }) => {
    const page = await visit.open();
    for (let tick = 0; tick < 10; tick += 1) {
      await visit.tick();
      await page.waitForTimeout(50);
    }
    await visit.is("quiet", QUIET_WITHIN_MS);
    expect(await page.locator("body.out-of-date").count()).toBe(1);
    await visit.tick();
    await visit.is("live", 1000);
  });

  it("calls them so on a new connection too: the feed's pace is what it was", async ({ visit, site }) => {
    const page = await visit.open();
    for (let tick = 0; tick < 10; tick += 1) {
      await visit.tick();
      await page.waitForTimeout(50);
    }
    site.cut();
    await visit.is("reconnecting");
    await visit.is("live");
    await visit.is("quiet", QUIET_WITHIN_MS);
  });

  it("keeps the focus in a row that is moved", async ({ visit }) => {
    const page = await visit.open();
    await page.locator('tr[data-symbol="XMR_CAD"] .open').focus();
    await page.locator('th[data-column="symbol"]').evaluate((header) => (header as HTMLElement).click());
    expect((await visit.shown()).at(-1)).not.toBe(SYMBOLS.at(-1));
    expect(await visit.focused()).toBe("XMR_CAD open");
  });

  it("draws the last hours of the rows in sight, and asks for each of them once", async ({ visit }) => {
    const page = await visit.open("?filter=bitcoin");
    await page.locator('tr[data-symbol="BCH_CAD"] polyline[points*=","]').waitFor({ state: "attached" });
    expect(await page.locator('#quotes polyline[points*=","]').count()).toBeLessThan(SYMBOLS.length);
  });

  it("opens the chart that its address names, and forgets it when that is closed", async ({ visit }) => {
    const page = await visit.open("?symbol=ETH_CAD&sort=change");
    await page.locator("dialog[open]").waitFor();
    expect(await page.locator("dialog").textContent()).toContain("Ethereum");
    expect(await page.locator('th[data-column="change"]').getAttribute("aria-sort")).toBe("descending");
    expect(await visit.query()).toBe("?symbol=ETH_CAD&sort=change");
    await page.keyboard.press("Escape");
    await page.locator("dialog[open]").waitFor({ state: "detached" });
    expect(await visit.query()).toBe("?sort=change");
    expect(await visit.focused()).toBe("ETH_CAD open");
    const changes = await visit.numbers("change");
    expect(changes).toEqual(changes.toSorted((a, b) => b - a));
  });
});
