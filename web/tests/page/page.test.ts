/** The built page in a real Chromium, under the deployed page's headers: what it shows. */

import { describe, expect } from "vitest";
import type { Page } from "./browser.ts";
import { CHROMIUM, DESKTOP, IN_FIREFOX, it, PHONE, TIMEOUT_MS } from "./browser.ts";
import { covered, cutOff } from "./covered.ts";
import { SYMBOLS } from "./market.ts";
import { shifts, WATCH_SHIFTS } from "./shifts.ts";
import type { Site } from "./site.ts";

/** The number of rows with a price, noted in each frame in which it changed. */
const WATCH_PRICES = `
  window.priced = [];
  (function look() {
    const cells = [...document.querySelectorAll("#quotes td.spot")];
    const count = cells.filter(({ textContent }) => /[0-9]/.test(textContent)).length;
    if (count && window.priced.at(-1) !== count) window.priced.push(count);
    requestAnimationFrame(look);
  })();
`;

/** The symbols that were in the first visible row, in the order in which they came there. */
const WATCH_FIRST = `
  window.first = [];
  (function look() {
    const row = document.querySelector("#quotes tr:not([hidden])");
    if (row?.checkVisibility({ visibilityProperty: true }) && window.first.at(-1) !== row.dataset.symbol) window.first.push(row.dataset.symbol);
    requestAnimationFrame(look);
  })();
`;

/** 4 s and the second between two checks, with some for a busy machine; a feed whose pace is not known is quiet after 35 s. */
const QUIET_WITHIN_MS = 15_000;

const FIRST_CELLS = "#quotes tr:nth-child(-n + 12) > *";

const lines = (page: Page) => page.locator('#quotes polyline[points*=","]').count();
const asked = (site: Site, event: string) => site.market.asked.filter((message) => message.event === event);

const directions = (page: Page) =>
  page.locator("#quotes td.spot").evaluateAll((all) => all.map((cell) => (cell as HTMLElement).dataset["direction"]));

describe.skipIf(!CHROMIUM)("the page", { timeout: TIMEOUT_MS }, () => {
  it("has its rows before the prices, which move nothing", async ({ visit }) => {
    const page = await visit.open("", { script: WATCH_SHIFTS });
    expect(await visit.shown()).toEqual(SYMBOLS);
    expect(await page.locator("#quotes .open").first().textContent()).toBe("BTC_CADBitcoin");
    await visit.tick();
    expect(await shifts(page)).toEqual([]);
    expect(await page.locator("#simulated").isVisible()).toBe(true);
    expect(await page.locator("#sources").textContent()).toBe("6 of 6 sources");
  });

  it("has the day at a glance on top, and opens the chart of what is clicked there", async ({ visit }) => {
    const page = await visit.open("", { script: WATCH_SHIFTS });
    const [gains, losses] = [page.locator("#gains button:visible"), page.locator("#losses button:visible")];
    await gains.first().waitFor();
    const percents = (texts: string[]) =>
      texts.map((text) => Number(text.split(" ")[1]?.replace("−", "-").replace("%", "")));
    const rises = percents(await gains.allTextContents());
    const falls = percents(await losses.allTextContents());
    expect(rises.length).toBe(3);
    expect(rises).toEqual(rises.toSorted((a, b) => b - a));
    expect(falls).toEqual(falls.toSorted((a, b) => a - b));
    const [ups = 0, downs = 0] = (await page.textContent("#breadth"))?.match(/\d+/g)?.map(Number) ?? [];
    expect(ups + downs).toBeGreaterThan(SYMBOLS.length - 5); // some did not change
    expect(await shifts(page)).toEqual([]);
    const symbol = await gains.first().getAttribute("data-symbol");
    await gains.first().click();
    await page.locator("dialog[open]").waitFor();
    expect(page.url()).toContain(`symbol=${symbol}`);
  });

  it("draws the visible prices before the others", async ({ visit }) => {
    const page = await visit.open("", { script: WATCH_PRICES });
    const [first, ...others] = await page.evaluate(() => (window as unknown as { priced: number[] }).priced);
    expect(first).toBeLessThan(SYMBOLS.length / 2);
    expect(others).toEqual([SYMBOLS.length]);
  });

  it.for([DESKTOP, PHONE])(
    "has the order of its address from the first prices on, $width px wide",
    async (viewport, { site, visit }) => {
      site.answersAfterMs = 500;
      const page = await visit.open("?sort=percent", { viewport, script: WATCH_SHIFTS + WATCH_FIRST });
      const percents = await visit.numbers("percent");
      expect(percents).toEqual(percents.toSorted((one, other) => other - one));
      expect(await page.evaluate(() => (window as unknown as { first: string[] }).first)).toEqual(
        (await visit.shown()).slice(0, 1),
      );
      expect(await shifts(page)).toEqual([]);
    },
  );

  it("moves nothing while prices change, nor behind a chart", async ({ visit }) => {
    for (const query of ["", "?symbol=BTC_CAD"]) {
      const page = await visit.open(query, { script: WATCH_SHIFTS });
      if (query) await page.locator("dialog.chart[open] .chart-state[hidden]").waitFor({ state: "attached" });
      for (let tick = 0; tick < 20; tick += 1) await visit.tick();
      expect(await shifts(page)).toEqual([]);
    }
  });

  it.for([DESKTOP, PHONE])(
    "moves nothing in a chart opened before its price comes, $width px wide",
    async (viewport, { site, visit }) => {
      site.answersAfterMs = 1500;
      const page = await visit.open("?symbol=BTC_CAD", { viewport, script: WATCH_SHIFTS });
      await expect.poll(() => page.locator(".chart-agreement").textContent()).toMatch(/agree/);
      await visit.tick();
      expect(await shifts(page)).toEqual([]);
    },
  );

  it("moves nothing when an age has another unit", async ({ site, visit }) => {
    site.market.ageMs = 65_000;
    const page = await visit.open("", { script: WATCH_SHIFTS });
    expect(await page.locator("#quotes td.age").first().textContent()).toBe("1m");
    site.market.ageMs = undefined;
    await visit.tick();
    expect(await page.locator("#quotes td.age").first().textContent()).toMatch(/^\ds$/);
    expect(await shifts(page)).toEqual([]);
  });

  it.for([320, 390, 768, 1100, 1280, 1440])(
    "moves and covers nothing when a change has all its digits, %i px wide",
    async (width, { site, visit }) => {
      const page = await visit.open("", { viewport: { width, height: 860 }, script: WATCH_SHIFTS });
      for (const [percent, text] of [
        [-0.000001, "−0.000001%"],
        [0.01, "+0.01%"],
        [12_345.67, "+12,345.67%"],
      ] as const) {
        site.market.percent = percent;
        await visit.tick();
        expect(await page.locator("#quotes td.percent").allTextContents()).toContain(text);
        expect(await page.locator(FIRST_CELLS).evaluateAll(covered)).toEqual([]);
      }
      expect(await shifts(page)).toEqual([]);
    },
  );

  it("has nine assets on a phone, and their other numbers in the chart", async ({ visit }) => {
    const page = await visit.open("", { viewport: PHONE });
    const bottoms = await page
      .locator("#quotes tr")
      .evaluateAll((rows) => rows.map((row) => row.getBoundingClientRect().bottom));
    expect(bottoms.filter((bottom) => bottom <= PHONE.height).length).toBeGreaterThanOrEqual(9);
    expect(await page.locator("#quotes .name").evaluateAll(cutOff)).toEqual([]);
    await page.click('tr[data-symbol="BTC_CAD"] .open');
    await expect
      .poll(() => page.textContent(".chart-book"))
      .toMatch(/^Bid [\d,.]+ · ask [\d,.]+ · spread [\d.]+% · 24 h [+−]?[\d,.]+ CAD, from [\d,.]+ to [\d,.]+$/);
  });

  it("cuts no name off on a wide screen", async ({ visit }) => {
    const page = await visit.open("", { viewport: { width: 1600, height: 900 } });
    expect(await page.locator("#quotes .name").evaluateAll(cutOff)).toEqual([]);
  });

  it.for([320, 390, 768, 800, 1024, 1279])(
    "cuts nothing off the strip of the day, %i px wide",
    async (width, { visit }) => {
      const page = await visit.open("", { viewport: { width, height: 860 } });
      const moves = page.locator("#day button:visible");
      await moves.first().waitFor();
      expect(await page.locator("#day").evaluateAll(cutOff)).toEqual([]);
      expect(await moves.evaluateAll(cutOff)).toEqual([]);
      expect(await moves.count()).toBe(width < 704 ? 2 : width < 992 ? 4 : 6);
    },
  );

  it.for([320, 390, 768, 1100, 1280])("covers nothing with six decimals, %i px wide", async (width, { visit }) => {
    const page = await visit.open("?decimals=6", { viewport: { width, height: 860 } });
    expect(await page.textContent('tr[data-symbol="BTC_CAD"] td.spot')).toMatch(/\.\d{6}$/);
    expect(await page.locator(FIRST_CELLS).evaluateAll(covered)).toEqual([]);
  });

  it.for([1280, 1360, 1600])("aligns prices on their decimal points, %i px wide", async (width, { visit }) => {
    const page = await visit.open("", { viewport: { width, height: 860 } });
    for (const column of ["spot", "bid", "ask", "change"]) {
      const points = await page.locator(`#quotes tr:nth-child(-n + 12) td.${column}`).evaluateAll((cells) =>
        cells.map((cell) => {
          const text = cell.firstChild as Text;
          const range = document.createRange();
          range.setStart(text, text.data.indexOf("."));
          range.setEnd(text, text.data.indexOf(".") + 1);
          return Math.round(range.getBoundingClientRect().left);
        }),
      );
      expect(Math.max(...points) - Math.min(...points), column).toBeLessThanOrEqual(1);
    }
  });

  it("keeps sort and filter in sight on a phone, and has one gain and one loss", async ({ visit }) => {
    const page = await visit.open("", { viewport: PHONE });
    const moves = page.locator("#day button:visible");
    await expect.poll(() => moves.count()).toBe(2);
    expect(await moves.evaluateAll(cutOff)).toEqual([]);
    expect(await page.locator("#ups, #downs, #day button").evaluateAll(covered)).toEqual([]);
    await page.mouse.wheel(0, 2000);
    const top = () => page.locator("#controls").evaluate((controls) => controls.getBoundingClientRect().top);
    await expect.poll(() => page.evaluate(() => scrollY)).toBeGreaterThan(1000);
    expect(await top()).toBe(0);
  });

  it("names the sources whose licences ask for it, with links", async ({ visit }) => {
    const page = await visit.open();
    const links = page.locator("footer a");
    expect(await links.allTextContents()).toEqual([
      "Data provided by CoinGecko",
      "Rates By Exchange Rate API",
      "Charts by TradingView",
    ]);
    const hosts = await links.evaluateAll((all) => all.map((link) => new URL((link as HTMLAnchorElement).href).host));
    expect(hosts).toEqual(["www.coingecko.com", "www.exchangerate-api.com", "www.tradingview.com"]);
    expect(await links.last().isVisible()).toBe(true);
  });

  it("moves nothing on a phone either", async ({ visit }) => {
    const page = await visit.open("", { viewport: PHONE, script: WATCH_SHIFTS });
    await visit.tick();
    expect(await shifts(page)).toEqual([]);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(PHONE.width);
  });

  it("shows small prices with all digits in the title", async ({ visit }) => {
    const page = await visit.open("?filter=shib");
    const spot = page.locator('tr[data-symbol="SHIB_CAD"] td.spot');
    expect(await spot.textContent()).toMatch(/^0\.0000[1-9]\d{5}$/);
    await spot.hover();
    await expect.poll(() => spot.getAttribute("title")).toMatch(/^0\.0000[1-9]\d{8} CAD$/);
  });

  it("is sorted by each header, also in aria-sort and the address", async ({ visit }) => {
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

  it("filters as you type after a slash, until Escape", async ({ visit }) => {
    const page = await visit.open();
    await page.keyboard.press("/");
    await page.keyboard.type("bitcoin");
    expect(await visit.shown()).toEqual(["BTC_CAD", "BCH_CAD"]);
    expect(await page.locator("#count").textContent()).toBe(`2 of ${SYMBOLS.length} assets`);
    await page
      .locator("#announcer")
      .filter({ hasText: `2 of ${SYMBOLS.length} assets` })
      .waitFor();
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
    await page.fill("#filter", "btc");
    await page.locator("#empty", { hasText: "No favourite matches “btc”." }).waitFor();
  });

  it("marks a price's direction until the next tick", async ({ visit }) => {
    // As high that all rows are in view.
    const page = await visit.open("", { viewport: { ...DESKTOP, height: 3_000 } });
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

  it("draws the rows in view with each tick, and the others within seconds", async ({ visit }) => {
    const page = await visit.open();
    const spots = page.locator("#quotes td.spot");
    const drawn = async () => {
      const before = await spots.allTextContents();
      await visit.tick();
      const after = await spots.allTextContents();
      return SYMBOLS.map((_, row) => row).filter((row) => before[row] !== after[row]);
    };
    await expect.poll(async () => (await drawn()).length).toBeLessThan(SYMBOLS.length / 2);
    const first = await drawn();
    expect(first.filter((row) => row < 15).length).toBeGreaterThan(8);
    // Titles are always those of the last quotes.
    const late = () =>
      spots.evaluateAll((cells) => {
        const isLate = (cell: Element) => {
          cell.dispatchEvent(new PointerEvent("pointerover", { bubbles: true }));
          const price = Number.parseFloat((cell as HTMLElement).title);
          return Math.abs(Number(cell.textContent?.replaceAll(",", "")) / price - 1) > 1e-5;
        };
        return cells.filter(isLate).length;
      });
    await expect.poll(late, { timeout: 20_000 }).toBe(0);
    await spots.last().scrollIntoViewIfNeeded();
    const last = async () => (await drawn()).filter((row) => row >= SYMBOLS.length - 15).length;
    await expect.poll(last).toBeGreaterThan(8);
  });

  it("updates only the rows that a tick changes", async ({ site, visit }) => {
    const page = await visit.open();
    for (const symbol of SYMBOLS.slice(1)) site.market.unavailable.add(symbol);
    await page.evaluate(() => {
      const touched = new Set<string>();
      Object.assign(window, { touched });
      new MutationObserver((records) => {
        for (const { target } of records) {
          const cell = (target instanceof Element ? target : target.parentElement)?.closest("td");
          // Ages change by themselves, and trend lines come with the feed's answers.
          if (cell && !cell.matches(".age, .trend")) touched.add(cell.closest("tr")?.dataset["symbol"] ?? "");
        }
      }).observe(document.getElementById("quotes") as Node, {
        subtree: true,
        characterData: true,
        childList: true,
        attributes: true,
      });
    });
    // These ticks remove the marks of the one before, out of view in turn. Then only the row that moves is marked.
    for (let tick = 0; tick < 8; tick += 1) await visit.tick();
    await page.evaluate(() => (window as unknown as { touched: Set<string> }).touched.clear());
    for (let tick = 0; tick < 3; tick += 1) await visit.tick();
    const touched = await page.evaluate(() => [...(window as unknown as { touched: Set<string> }).touched]);
    expect(touched).toEqual(["BTC_CAD"]);
  });

  it("says when a price is stale, and when there is no price", async ({ site, visit }) => {
    site.market.stale.add("XMR_CAD");
    site.market.unavailable.add("REN_CAD");
    const page = await visit.open();
    expect(await page.locator('tr[data-symbol="XMR_CAD"] td.age').textContent()).toBe("stale 1m");
    expect(await page.locator('tr[data-symbol="XMR_CAD"].stale').count()).toBe(1);
    expect(await page.locator('tr[data-symbol="REN_CAD"] td.spot').textContent()).toBe("no price");
  });

  it("shows in 2 s a lost feed, in 5 s stale prices, then new ones", async ({ site, visit }) => {
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
    expect(await page.locator("#detail").textContent()).toContain("If reconnecting does not help, check your network.");
    expect(await visit.shown()).toEqual(SYMBOLS);
    await site.start();
    await visit.is("live", 35_000);
    await page.locator("body:not(.out-of-date)").waitFor({ timeout: 5000 });
  });

  it("calls prices out of date on a silent connection", async ({ visit }) => {
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

  it("shows prices over HTTP while every socket is refused, and goes back", async ({ visit, site }) => {
    site.isFull = site.hasDocuments = true;
    const page = await visit.open("", { kind: "polling" });
    expect(await page.locator("#state").textContent()).toBe("Polling");
    expect(await visit.shown()).toEqual(SYMBOLS);
    const first = (await visit.numbers("spot"))[0];
    for (let tick = 0; tick < 3; tick += 1) site.market.update(site.now());
    await expect.poll(async () => (await visit.numbers("spot"))[0], { timeout: 5000 }).not.toBe(first);
    expect(await page.locator("body.out-of-date").count()).toBe(0);
    expect(await lines(page)).toBe(0);
    await expect.poll(() => page.textContent("#ups")).toMatch(/^\d+ up$/);
    await page.keyboard.press("/");
    expect(await visit.focused()).toBe("filter");
    site.isFull = false;
    await visit.is("live", 30_000);
    await expect.poll(() => lines(page)).toBe(SYMBOLS.length);
  });

  it("remembers the feed's pace on a new connection", async ({ visit, site }) => {
    const page = await visit.open();
    for (let tick = 0; tick < 10; tick += 1) {
      await visit.tick();
      await page.waitForTimeout(50);
    }
    site.isFull = true;
    site.cut();
    await visit.is("reconnecting");
    site.isFull = false;
    await visit.is("live", 10_000);
    await visit.is("quiet", QUIET_WITHIN_MS);
  });

  it("says for all to see that there is no such asset", async ({ visit }) => {
    const page = await visit.open("?symbol=NOPE");
    await page.locator("#told span", { hasText: "There is no asset NOPE." }).waitFor();
    expect(await visit.query()).toBe("");
  });

  it("goes on sorting while a row has the focus, when it is not held", async ({ site, visit }) => {
    const page = await visit.open("?sort=spot", { clockFrom: Date.now() });
    await page.click('tr[data-symbol="ADA_CAD"] .star');
    site.market.setSpot("ADA_CAD", 9_999_999);
    await visit.tick();
    expect((await visit.shown())[0]).not.toBe("ADA_CAD");
    await page.clock.runFor(5000);
    await visit.tick();
    expect((await visit.shown())[0]).toBe("ADA_CAD");
    expect(await visit.focused()).toBe("ADA_CAD Favourite ADA");
  });

  it("keeps the focus when its row is moved", async ({ visit }) => {
    const page = await visit.open();
    await page.locator('tr[data-symbol="XMR_CAD"] .open').focus();
    await page.locator('th[data-column="symbol"]').evaluate((header) => (header as HTMLElement).click());
    expect((await visit.shown()).at(-1)).not.toBe(SYMBOLS.at(-1));
    expect(await visit.focused()).toBe("XMR_CAD open");
  });

  it("draws the last day of all rows with one request that moves nothing", async ({ site, visit }) => {
    const page = await visit.open("?filter=bitcoin", { script: WATCH_SHIFTS });
    await expect.poll(() => lines(page)).toBe(SYMBOLS.length);
    await visit.tick();
    expect(await page.locator('tr[data-symbol="BTC_CAD"] polyline').getAttribute("points")).toMatch(/^(\S+ ){24}\S+$/);
    expect(asked(site, "trends")).toHaveLength(1);
    expect(asked(site, "history")).toEqual([]);
    expect(await shifts(page)).toEqual([]);
  });

  it("asks again for the past that a young feed does not have yet", async ({ site, visit }) => {
    site.market.hasPast = false;
    const page = await visit.open("", { clockFrom: Date.now() });
    await expect.poll(() => asked(site, "trends").length).toBe(1);
    await page.clock.fastForward(15_500);
    await expect.poll(() => asked(site, "trends").length).toBe(2);
    expect(await lines(page)).toBe(0);
    site.market.hasPast = true;
    await page.clock.fastForward(15_500);
    await expect.poll(() => lines(page)).toBe(SYMBOLS.length);
    await page.clock.fastForward(15_500);
    expect(asked(site, "trends")).toHaveLength(3);
  });

  it("begins the lines with its own quotes if there are no trends to load", async ({ site, visit }) => {
    site.market.isOlder = true;
    const page = await visit.open();
    await expect.poll(() => asked(site, "assets").length).toBe(1);
    expect(await lines(page)).toBe(0);
    const began = site.now();
    for (let second = 2; second < 20; second += 2) {
      site.now = () => began + second * 1000;
      await visit.tick();
    }
    expect(await lines(page)).toBeGreaterThan(SYMBOLS.length / 2);
    site.now = Date.now;
    expect(asked(site, "trends")).toHaveLength(1);
    site.market.isOlder = false;
    await page.route("**/more-*.js", (route) => route.abort());
    await page.reload();
    await visit.is("live");
    await visit.tick();
    expect(await visit.shown()).toEqual(SYMBOLS);
    expect(asked(site, "trends")).toHaveLength(1);
    // Chromium reports the missing file.
    expect(visit.errors.splice(0)).toEqual(IN_FIREFOX ? [] : ["Failed to load resource: net::ERR_FAILED"]);
  });

  it("opens the chart in its address until the chart is closed", async ({ visit }) => {
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
