/** The built page in a real Chromium, under the deployed page's policy: what it shows, and that everyone can use it. */

import { createRequire } from "node:module";
import axe from "axe-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { builtSite, CHROMIUM, launched } from "./browser.ts";
import type { Browser, Page, Site } from "./browser.ts";
import { SYMBOLS } from "./market.ts";

const TIMEOUT_MS = 60_000;
const DESKTOP = { width: 1360, height: 860 };
const PHONE = { width: 390, height: 844 };
const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
/** Layout shifts, noted from before anything of the page runs, and what moved. */
const WATCH = `
  window.shifts = [];
  new PerformanceObserver((list) => {
    for (const { sources } of list.getEntries()) for (const { node, previousRect, currentRect } of sources) {
      const name = node?.id || node?.className || node?.parentElement?.className || node?.nodeName;
      window.shifts.push([name, JSON.stringify(previousRect), JSON.stringify(currentRect)].join(" "));
    }
  }).observe({ type: "layout-shift", buffered: true });
`;

describe.skipIf(!CHROMIUM)("the page", { timeout: TIMEOUT_MS }, () => {
  let browser: Browser;
  let site: Site;
  let page: Page;
  let errors: string[];

  beforeAll(async () => {
    [site, browser] = [await builtSite(), await launched()];
  }, TIMEOUT_MS);
  afterAll(() => browser?.close());
  beforeEach(async () => {
    errors = [];
    site.market.stale.clear();
    site.market.unavailable.clear();
    await site.start();
  });
  afterEach(async () => {
    await page.context().close();
    await site.stop();
    // Connections that could not be made are told of by the browser, whatever the page does.
    expect(errors.filter((error) => !error.includes("WebSocket connection to"))).toEqual([]);
  });

  async function opened(query = "", options: Parameters<Browser["newContext"]>[0] = {}): Promise<void> {
    const context = await browser.newContext({ viewport: DESKTOP, ...options });
    page = await context.newPage();
    page.on("pageerror", (error) => errors.push(String(error)));
    page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
    await page.addInitScript(WATCH);
    await page.goto(site.url + query);
    await page.locator('#state[data-kind="live"]').waitFor();
    await ticked();
  }

  /** Send a tick and wait until it is drawn. */
  async function ticked(): Promise<void> {
    site.tick();
    await page.waitForFunction(() => document.querySelector("td.spot")?.textContent?.includes("."));
    await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
  }

  const shown = () =>
    page.evaluate(() => [...document.querySelectorAll<HTMLElement>("#quotes tr:not([hidden])")].map((row) => row.dataset["symbol"] ?? ""));
  const numbers = async (column: string) =>
    (await page.locator(`#quotes td.${column}`).allTextContents()).map((text) => Number(text.replace("−", "-").replace(/[,%+]/g, "")));
  const query = () => page.evaluate(() => location.search);

  async function violations(): Promise<string[]> {
    // Through the protocol, so that the page's own policy stays as it is.
    await page.evaluate(await import("node:fs/promises").then((fs) => fs.readFile(AXE, "utf8")));
    const { violations: found } = await page.evaluate(() => (window as unknown as { axe: typeof axe }).axe.run());
    return found.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).slice(0, 3).join(" ")}`);
  }

  it("has its rows before the feed answers, and nothing moves when the prices come", async () => {
    await opened();
    expect(await shown()).toEqual(SYMBOLS);
    expect(await page.locator("#quotes .open").first().textContent()).toBe("BTC_CADBitcoin");
    await ticked();
    expect(await page.evaluate(() => (window as unknown as { shifts: string[] }).shifts)).toEqual([]);
    expect(await page.locator("#simulated").isVisible()).toBe(true);
    expect(await page.locator("#sources").textContent()).toBe("6 of 6 sources");
  });

  it("moves nothing on a phone either", async () => {
    await opened("", { viewport: PHONE });
    await ticked();
    expect(await page.evaluate(() => (window as unknown as { shifts: string[] }).shifts)).toEqual([]);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(PHONE.width);
  });

  it("shows small prices with their digits, and the whole of each in its title", async () => {
    await opened("?filter=shib");
    const spot = page.locator('tr[data-symbol="SHIB_CAD"] td.spot');
    expect(await spot.textContent()).toMatch(/^0\.0000[1-9]\d{5}$/);
    expect(await spot.getAttribute("title")).toMatch(/^0\.0000[1-9]\d{8} CAD$/);
  });

  it("is sorted by each header, and says so in aria-sort and in the address", async () => {
    await opened();
    for (const column of ["spot", "bid", "ask", "change", "percent"]) {
      await page.locator(`th[data-column="${column}"] button`).click();
      const descending = await numbers(column);
      expect(descending).toEqual(descending.toSorted((a, b) => b - a));
      expect(await page.locator(`th[data-column="${column}"]`).getAttribute("aria-sort")).toBe("descending");
      expect(await page.locator('th[aria-sort="descending"], th[aria-sort="ascending"]').count()).toBe(1);
      expect(await query()).toBe(`?sort=${column}`);
    }
    await page.locator('th[data-column="percent"] button').press("Enter");
    const ascending = await numbers("percent");
    expect(ascending).toEqual(ascending.toSorted((a, b) => a - b));
    await page.locator('th[data-column="percent"] button').press("Enter");
    expect(await shown()).toEqual(SYMBOLS);
    expect(await query()).toBe("");
  });

  it("is filtered as one types, from the slash on, and Escape shows all again", async () => {
    await opened();
    await page.keyboard.press("/");
    await page.keyboard.type("bitcoin");
    expect(await shown()).toEqual(["BTC_CAD", "BCH_CAD"]);
    expect(await page.locator("#count").textContent()).toBe(`2 of ${SYMBOLS.length} assets`);
    await page.getByRole("status").filter({ hasText: `2 of ${SYMBOLS.length} assets` }).waitFor();
    await page.keyboard.press("Escape");
    expect(await shown()).toHaveLength(SYMBOLS.length);
  });

  it("keeps favourites across visits", async () => {
    await opened();
    await page.getByRole("button", { name: "Favourite ETH", exact: true }).click();
    await page.getByRole("button", { name: "Favourites", exact: true }).click();
    expect(await shown()).toEqual(["ETH_CAD"]);
    await page.reload();
    await page.locator('#state[data-kind="live"]').waitFor();
    expect(await shown()).toEqual(["ETH_CAD"]);
    expect(await query()).toBe("?favourites=1");
  });

  it("marks where a price went until the next tick, in words for those who do not see the colour", async () => {
    await opened();
    await ticked();
    const cells = await page.locator("#quotes td.spot").evaluateAll((all) => all.map((cell) => (cell as HTMLElement).dataset["direction"]));
    expect(cells).toEqual(expect.arrayContaining(["up", "down"]));
    const before = await numbers("spot");
    await ticked();
    const after = await numbers("spot");
    const directions = await page.locator("#quotes td.spot").evaluateAll((all) => all.map((cell) => (cell as HTMLElement).dataset["direction"]));
    after.forEach((spot, row) => {
      const moved = spot - (before[row] ?? 0);
      if (moved) expect(directions[row]).toBe(moved > 0 ? "up" : "down");
    });
  });

  it("touches only the rows that a tick changes", async () => {
    await opened();
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
    for (let tick = 0; tick < 3; tick += 1) await ticked();
    await page.evaluate(() => (window as unknown as { touched: Set<string> }).touched.clear());
    for (let tick = 0; tick < 3; tick += 1) await ticked();
    const touched = await page.evaluate(() => [...(window as unknown as { touched: Set<string> }).touched]);
    expect(touched).toEqual(["BTC_CAD"]);
  });

  it("says when a price is stale, and when there is none", async () => {
    site.market.stale.add("XMR_CAD");
    site.market.unavailable.add("REN_CAD");
    await opened();
    expect(await page.locator('tr[data-symbol="XMR_CAD"] td.age').textContent()).toBe("stale 1m");
    expect(await page.locator('tr[data-symbol="XMR_CAD"].stale').count()).toBe(1);
    expect(await page.locator('tr[data-symbol="REN_CAD"] td.spot').textContent()).toBe("no price");
  });

  it("shows within 2 s that the feed is gone, stale prices within 5 s, and the truth when it is back", async () => {
    await opened();
    await site.stop();
    await page.locator('#state[data-kind="reconnecting"]').waitFor({ timeout: 2000 });
    expect(await page.locator("#state").textContent()).toMatch(/^Reconnecting in \d+ s$/);
    await page.locator("body.out-of-date").waitFor({ timeout: 3000 });
    expect(await page.locator("#detail").textContent()).toContain("If trying again does not help, check your network.");
    expect(await shown()).toEqual(SYMBOLS);
    expect(await violations()).toEqual([]);
    await site.start();
    await page.locator('#state[data-kind="live"]').waitFor({ timeout: 35_000 });
    await page.locator("body:not(.out-of-date)").waitFor({ timeout: 5000 });
  });

  it("calls prices out of date within 5 s when the connection stands and the feed is silent", async () => {
    await opened();
    for (let tick = 0; tick < 10; tick += 1) {
      await ticked();
      await page.waitForTimeout(50);
    }
    await page.locator('#state[data-kind="quiet"]').waitFor({ timeout: 5000 });
    expect(await page.locator("body.out-of-date").count()).toBe(1);
    await ticked();
    await page.locator('#state[data-kind="live"]').waitFor({ timeout: 1000 });
  });

  it("draws the last hours of the rows in sight, and asks for each of them once", async () => {
    await opened("?filter=bitcoin");
    await page.locator('tr[data-symbol="BCH_CAD"] polyline[points*=","]').waitFor({ state: "attached" });
    expect(await page.locator('#quotes polyline[points*=","]').count()).toBeLessThan(SYMBOLS.length);
  });

  it("opens the chart that its address names, and forgets it when that is closed", async () => {
    await opened("?symbol=ETH_CAD");
    await page.locator("dialog[open]").waitFor();
    expect(await page.locator("dialog").textContent()).toContain("Ethereum");
    await page.keyboard.press("Escape");
    await page.locator("dialog[open]").waitFor({ state: "detached" });
    expect(await query()).toBe("");
    expect(await page.evaluate(() => document.activeElement?.closest("tr")?.dataset["symbol"])).toBe("ETH_CAD");
  });

  it("is walked through by the arrow keys", async () => {
    await opened();
    await page.locator('tr[data-symbol="BTC_CAD"] .open').focus();
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowUp");
    expect(await page.evaluate(() => document.activeElement?.closest("tr")?.dataset["symbol"])).toBe("ETH_CAD");
  });

  it.each([
    ["light", "", {}],
    ["dark", "?sort=percent", { colorScheme: "dark" as const }],
    ["phone", "", { viewport: PHONE }],
    ["dark phone", "?sort=spot", { viewport: PHONE, colorScheme: "dark" as const }],
    ["200 % zoom", "", { viewport: { width: DESKTOP.width / 2, height: DESKTOP.height / 2 }, deviceScaleFactor: 2 }],
    ["an empty filter", "?filter=there-is-none", {}],
    ["no favourites", "?favourites=1", { colorScheme: "dark" as const }],
  ])("has no accessibility violations: %s", async (_, search, options) => {
    site.market.stale.add("ETH_CAD");
    site.market.unavailable.add("LTC_CAD");
    await opened(search, options);
    expect(await violations()).toEqual([]);
    expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);
  });
});
