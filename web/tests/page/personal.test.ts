/** The visitor's own tools in a real Chromium: settings, the converter, price alerts, and favourites on top. */

import { describe, expect } from "vitest";
import type { Page } from "./browser.ts";
import { CHROMIUM, it, PHONE, TIMEOUT_MS } from "./browser.ts";
import { shifts, WATCH_SHIFTS } from "./shifts.ts";

const HEADERS = ["Asset", "Spot", "Bid", "Ask", "Spread", "24 h change", "24 h %", "Trend", "Age", "Source"];

async function openTool(page: Page, name: string): Promise<void> {
  await page.click("#more");
  await page.getByRole("button", { name, exact: true }).click();
  await page.locator("dialog.tool").waitFor();
}

async function choose(page: Page, setting: string, value: string): Promise<void> {
  await page.getByRole("combobox", { name: setting, exact: true }).selectOption(value);
}

/** The headers of the shown columns, from left to right. */
async function shownHeaders(page: Page): Promise<string[]> {
  const texts = await page.locator("thead th:visible").allTextContents();
  return texts.map((text) => text.replaceAll("\u00a0", " ").trim());
}

describe.skipIf(!CHROMIUM)("the visitor's own tools", { timeout: TIMEOUT_MS }, () => {
  it("settings show at once, stay after a reload, and end with a reset", async ({ visit }) => {
    const page = await visit.open();
    const rowHeight = () =>
      page
        .locator("#quotes tr")
        .first()
        .evaluate((row) => row.getBoundingClientRect().height);
    const paper = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const bars = () =>
      page.locator("meta[name=theme-color]").evaluateAll((all) => all.map((meta) => (meta as HTMLMetaElement).media));
    const [high, light] = [await rowHeight(), await paper()];
    await openTool(page, "Settings");
    await choose(page, "Theme", "dark");
    expect(await bars()).toEqual(["not all", "all"]);
    await choose(page, "Rows", "compact");
    await choose(page, "Decimals", "2");
    await page.getByLabel("Bid", { exact: true }).uncheck();
    await page.getByRole("button", { name: "Move Trend left" }).click();
    await page.keyboard.press("Escape");
    const isSetUp = async () => {
      expect(await shownHeaders(page)).toEqual([
        "Asset",
        "Spot",
        "Ask",
        "Spread",
        "24 h change",
        "Trend",
        "24 h %",
        "Age",
        "Source",
      ]);
      expect(await rowHeight()).toBeLessThan(high - 5);
      expect(await paper()).not.toBe(light);
      const spots = await page.locator("td.spot").allTextContents();
      expect(spots.filter((text) => /\.\d\d$/.test(text)).length).toBeGreaterThan(20);
      expect(spots.filter((text) => /^[0.]+$/.test(text))).toEqual([]);
      // Each cell is in the column of its header.
      const bids = await page
        .locator("#quotes tr")
        .first()
        .locator("td:visible")
        .evaluateAll((all) => all.map((td) => td.classList[0]));
      expect(bids).toEqual(["spot", "ask", "spread", "change", "trend", "percent", "age", "source"]);
    };
    await isSetUp();
    await page.reload();
    await visit.is("live");
    await visit.tick();
    await isSetUp();
    await openTool(page, "Settings");
    await page.getByRole("button", { name: "Reset" }).click();
    await page.keyboard.press("Escape");
    expect(await shownHeaders(page)).toEqual(HEADERS);
    expect([await rowHeight(), await paper()]).toEqual([high, light]);
    expect(await page.evaluate(() => localStorage.getItem("cadfeed.setup"))).toBe("");
  });

  it("a set-up and favourites can be linked, and the other visitor's own stay", async ({ visit }) => {
    const context = { permissions: ["clipboard-read", "clipboard-write"] };
    const page = await visit.open("", context);
    await page.click('tr[data-symbol="ADA_CAD"] .star');
    await openTool(page, "Settings");
    await choose(page, "Theme", "dark");
    await page.getByRole("button", { name: "Copy a link" }).click();
    await expect.poll(() => page.textContent(".tool-note")).toContain("Copied.");
    const link = new URL(await page.evaluate(() => navigator.clipboard.readText()));
    expect(link.search).toBe("?theme=dark&stars=ADA_CAD");
    await page.context().close();

    const other = await visit.open("", { script: "localStorage.setItem('cadfeed.favourites', '[\"BTC_CAD\"]')" });
    await other.goto(link.href);
    await visit.is("live");
    expect(await other.evaluate(() => document.documentElement.dataset["theme"])).toBe("dark");
    expect((await visit.shown())[0]).toBe("ADA_CAD");
    await other.click('tr[data-symbol="ETH_CAD"] .star');
    expect(await visit.query()).toBe("?theme=dark&stars=ADA_CAD%2CETH_CAD");
    expect(
      await other.evaluate(() => [localStorage.getItem("cadfeed.favourites"), localStorage.getItem("cadfeed.setup")]),
    ).toEqual(['["BTC_CAD"]', null]);
  });

  it("favourites come first where nothing is sorted, once the rows are not held", async ({ visit }) => {
    const page = await visit.open("", { clockFrom: Date.now() });
    await page.focus('tr[data-symbol="ADA_CAD"] .star');
    await page.keyboard.press("Enter");
    await visit.tick();
    expect((await visit.shown())[0]).toBe("BTC_CAD");
    await page.evaluate(() => (document.activeElement as HTMLElement).blur());
    await page.clock.runFor(5000);
    await visit.tick();
    expect((await visit.shown()).slice(0, 2)).toEqual(["ADA_CAD", "BTC_CAD"]);
    await page.reload();
    await visit.is("live");
    expect((await visit.shown()).slice(0, 2)).toEqual(["ADA_CAD", "BTC_CAD"]);
  });

  it("the converter is exact both ways, and follows the price", async ({ site, visit }) => {
    const page = await visit.open();
    await openTool(page, "Convert");
    const [amount, dollars] = [page.getByLabel("Amount"), page.getByLabel("Canadian dollars")];
    expect(await amount.inputValue()).toBe("1");
    expect(await dollars.inputValue()).toBe(site.market.spotOf("BTC_CAD").replace(/\.?0+$/, ""));
    await amount.fill("1,000");
    const before = await dollars.inputValue();
    do await visit.tick();
    while (Number(site.market.spotOf("BTC_CAD")) * 1000 === Number(before));
    expect(Number(await dollars.inputValue())).toBeCloseTo(Number(site.market.spotOf("BTC_CAD")) * 1000, 3);
    await dollars.fill("100");
    expect(Number(await amount.inputValue())).toBeCloseTo(100 / Number(site.market.spotOf("BTC_CAD")), 10);
    await dollars.fill("a lot");
    expect(await amount.inputValue()).toBe("");
    expect(await page.textContent(".tool-note")).toContain("Type a number");
    await amount.fill("2");
    expect(await dollars.getAttribute("aria-invalid")).toBe("false");
    await dollars.fill("5");
    site.market.unavailable.add("SHIB_CAD");
    site.cut();
    await page.getByLabel("Asset").selectOption("SHIB_CAD");
    await expect
      .poll(() => page.textContent(".tool-note"), { timeout: 15_000 })
      .toContain("There is no price for SHIB now.");
  });

  it("an alert is told once, on the page and as a notification, and is kept", async ({ site, visit }) => {
    const page = await visit.open("", { permissions: ["notifications"], script: WATCH_NOTIFICATIONS });
    await openTool(page, "Price alerts");
    expect(await page.textContent(".tool-help")).toContain("only while this page is open");
    const spot = Number(site.market.spotOf("ETH_CAD"));
    await page.getByLabel("Asset").selectOption("ETH_CAD");
    await page.getByLabel("Price in CAD").fill(String(Math.round(spot * 2)));
    await page.getByRole("button", { name: "Add" }).click();
    await page.getByLabel("When it").selectOption("below");
    await page.getByLabel("Price in CAD").fill("0.5");
    await page.keyboard.press("Enter");
    expect(await page.locator(".tool-list li").count()).toBe(2);
    await page.keyboard.press("Escape");
    await visit.tick();
    expect(await page.locator(".alert-bar p").count()).toBe(0);
    // The alerts are looked at by a page that has not opened the dialog, too.
    await page.reload();
    await visit.is("live");
    site.market.setSpot("ETH_CAD", spot * 2.5);
    do await visit.tick();
    while (!(await page.locator(".alert-bar p").count()));
    expect(await page.textContent(".alert-bar p")).toMatch(/^ETH rose to [\d,.]+: [\d,.]+ CAD/);
    await visit.tick();
    await visit.tick();
    expect(await page.locator(".alert-bar p").count()).toBe(1);
    expect(await page.evaluate("globalThis.told")).toHaveLength(1);
    await page.click(".alert-bar button");
    expect(await page.locator(".alert-bar p").count()).toBe(0);
    await openTool(page, "Price alerts");
    expect(await page.locator(".tool-list li.reached").count()).toBe(1);
    await page.locator(".tool-list button").first().click();
    expect(await page.locator(".tool-list li").count()).toBe(1);
  });

  it("an alert can be closed while a dialog is open, and outlives the dialog", async ({ site, visit }) => {
    const page = await visit.open();
    await openTool(page, "Price alerts");
    await page.getByLabel("Price in CAD").fill("1");
    await page.keyboard.press("Enter");
    expect(await page.textContent(".tool-note")).toMatch(/^That is so already: it is [\d,.]+ CAD now\.$/);
    expect(await page.locator(".tool-list li").count()).toBe(0);
    const now = await page.getByLabel("Price in CAD").getAttribute("placeholder");
    await expect
      .poll(() => visit.tick().then(() => page.getByLabel("Price in CAD").getAttribute("placeholder")))
      .not.toBe(now);
    await page.getByLabel("Price in CAD").fill("1234567.0000123456789");
    expect(await page.textContent(".tool-note")).toBe("");
    await page.keyboard.press("Enter");
    expect(await page.textContent(".tool-list li span")).toBe("BTC rises to 1,234,567.0000123456789");
    await page.getByRole("button", { name: /^Remove: / }).click();
    const spot = Number(site.market.spotOf("BTC_CAD"));
    for (const factor of [1.5, 1.6]) {
      await page.getByLabel("Price in CAD").fill(String(Math.round(spot * factor)));
      await page.keyboard.press("Enter");
    }
    site.market.setSpot("BTC_CAD", spot * 2);
    do await visit.tick();
    while ((await page.locator("dialog .alert-bar p").count()) < 2);
    await page.locator(".alert-bar button").first().click();
    expect(await page.locator("dialog .alert-bar p").count()).toBe(1);
    await page.keyboard.press("Escape");
    await page.locator("dialog.tool").waitFor({ state: "detached" });
    await page.click("body > .alert-bar button");
    expect(await page.locator(".alert-bar p").count()).toBe(0);
  });

  it("two tabs keep each other's favourites, and one of them tells an alert", async ({ site, visit }) => {
    const page = await visit.open();
    const other = await page.context().newPage();
    await other.goto(page.url());
    await other.locator('#state[data-kind="live"]').waitFor();
    const star = (symbol: string) => `tr[data-symbol="${symbol}"] .star`;
    await expect.poll(() => other.textContent("#ups")).toMatch(/up$/);
    await page.click(star("ADA_CAD"));
    await other.locator(`${star("ADA_CAD")}[aria-pressed="true"]`).waitFor();
    await other.click(star("XRP_CAD"));
    const kept = await page.evaluate(() => localStorage.getItem("cadfeed.favourites"));
    expect(JSON.parse(kept ?? "")).toEqual(["ADA_CAD", "XRP_CAD"]);

    await openTool(page, "Price alerts");
    const spot = Number(site.market.spotOf("BTC_CAD"));
    await page.getByLabel("Price in CAD").fill(String(Math.round(spot * 1.5)));
    await page.keyboard.press("Enter");
    await page.keyboard.press("Escape");
    site.market.setSpot("BTC_CAD", spot * 2);
    const told = async () =>
      (await page.locator(".alert-bar p").count()) + (await other.locator(".alert-bar p").count());
    do await visit.tick();
    while (!(await told()));
    for (let tick = 0; tick < 3; tick += 1) await visit.tick();
    expect(await told()).toBe(1);
  });

  it("says so where the browser keeps nothing", async ({ visit }) => {
    const page = await visit.open("", { script: "Storage.prototype.setItem = () => { throw new Error('full'); };" });
    await openTool(page, "Settings");
    await choose(page, "Rows", "compact");
    expect(await page.textContent(".tool-note")).toContain("This browser keeps nothing");
    expect(await page.evaluate(() => document.documentElement.dataset["rows"])).toBe("compact");
  });

  it.for([
    ["light", {}],
    ["dark phone", { viewport: PHONE, colorScheme: "dark" }],
    ["small phone", { viewport: { width: 320, height: 568 } }],
  ] as const)(
    "have no accessibility violations, and nothing is cut off: %s",
    async ([name, options], { site, visit }) => {
      const page = await visit.open("?rows=compact&columns=spot,percent,trend", options);
      const spot = Number(site.market.spotOf("BTC_CAD"));
      await page.click("#more");
      expect(await visit.violations(`tools menu ${name}`)).toEqual([]);
      await page.keyboard.press("Escape");
      for (const tool of ["Convert", "Price alerts", "Settings"]) {
        await openTool(page, tool);
        if (tool === "Price alerts") {
          await page.getByLabel("Price in CAD").fill(String(Math.round(spot * 1.5)));
          await page.keyboard.press("Enter");
        }
        expect(await visit.violations(`tool ${tool} ${name}`), tool).toEqual([]);
        const fits = await page.locator("dialog.tool").evaluate((dialog) => dialog.scrollWidth <= dialog.clientWidth);
        expect(fits, tool).toBe(true);
        await page.keyboard.press("Escape");
        await page.locator("dialog.tool").waitFor({ state: "detached" });
        expect(await visit.focused(), tool).toBe("more");
      }
      site.market.setSpot("BTC_CAD", spot * 2);
      do await visit.tick();
      while (!(await page.locator(".alert-bar p").count()));
      expect(await visit.violations(`alert ${name}`)).toEqual([]);
    },
  );

  it("a set-up moves nothing while the page loads", async ({ visit }) => {
    const page = await visit.open("?rows=compact&columns=trend,spot,percent&theme=dark&stars=ADA_CAD,XRP_CAD", {
      script: WATCH_SHIFTS,
    });
    await visit.tick();
    expect(await shifts(page)).toEqual([]);
  });
});

const WATCH_NOTIFICATIONS = `
  globalThis.told = [];
  globalThis.Notification = class {
    static permission = "granted";
    constructor(title, { body }) { globalThis.told.push(body); }
  };
`;
