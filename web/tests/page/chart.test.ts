/** The chart in a real Chromium, on the built page and under the deployed page's headers. */

import { describe, expect } from "vitest";
import type { Page } from "./browser.ts";
import { CHROMIUM, it, PHONE } from "./browser.ts";
import { covered, cutOff } from "./covered.ts";
import { countsOf } from "./leaks.ts";
import type { Asked } from "./market.ts";
import { SYMBOLS } from "./market.ts";
import { shifts, WATCH_SHIFTS } from "./shifts.ts";
import type { Site } from "./site.ts";

const TIMEOUT_MS = 90_000;
const TIMES = 50;
const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const BORDER = 1;
const RANGE_CANDLES = 25;
const LOOKS = [
  ["light", { colorScheme: "light" }],
  ["dark", { colorScheme: "dark" }],
  ["dark phone", { colorScheme: "dark", viewport: PHONE }],
] as const;

async function openChart(page: Page, symbol = "BTC_CAD"): Promise<void> {
  await page.click(`tr[data-symbol="${symbol}"] .open`);
  await drawn(page);
}

/** It holds no handle on an element: that would keep the dialog from being collected. */
const drawn = (page: Page) =>
  page.waitForFunction(() => Boolean(document.querySelector("dialog.chart[open] .chart-state[hidden]")));
const gone = (page: Page) => page.waitForFunction(() => !document.querySelector("dialog.chart"));
/** What the page asked for its candles; the range of 24 hours takes 25 hours. */
const asked = (site: Site): Asked[] =>
  site.market.asked.filter(({ event, limit }) => event === "history" && limit !== RANGE_CANDLES);
const boxOf = (page: Page, selector: string) =>
  page.locator(selector).evaluate((element) => element.getBoundingClientRect().toJSON() as DOMRect);
const notice = (page: Page) => page.textContent(".chart-notice");
const value = async (page: Page, name: string) => (await page.textContent(`.chart-of-${name} dd`)) ?? "";
const spot = (page: Page) => page.textContent('tr[data-symbol="BTC_CAD"] td.spot');
const said = (page: Page) => page.getAttribute(".chart-plot", "aria-valuetext");
const libraries = (page: Page) =>
  page.evaluate(() => performance.getEntriesByType("resource").filter(({ name }) => name.includes("canvas")).length);

/** How many colours the candles and what is behind them have. Runs in the page. */
function coloursOfPlot(): number {
  const canvases = [...(document.querySelector(".chart-plot")?.shadowRoot?.querySelectorAll("canvas") ?? [])];
  const widest = Math.max(...canvases.map(({ width, height }) => width * height));
  const pixels = canvases
    .filter(({ width, height }) => width * height === widest)
    .flatMap((canvas) => {
      const { data } = canvas.getContext("2d")?.getImageData(0, 0, canvas.width, canvas.height) ?? {};
      // Every hundredth, without those that are transparent.
      return data ? [...new Uint32Array(data.buffer)].filter((pixel, index) => !(index % 100) && pixel >>> 24) : [];
    });
  return new Set(pixels).size;
}

describe.skipIf(!CHROMIUM)("the chart", { timeout: TIMEOUT_MS }, () => {
  it.for(["light", "dark"] as const)(
    "can be seen where the visitor forces colours: %s",
    async (colorScheme, { visit }) => {
      const page = await visit.open("?symbol=BTC_CAD", { forcedColors: "active", colorScheme });
      await drawn(page);
      await expect.poll(() => page.evaluate(coloursOfPlot)).toBeGreaterThan(1);
    },
  );

  it("loads its library when it is opened, and follows each quote", async ({ visit }) => {
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

  it("opens only with its style sheet", async ({ visit }) => {
    const page = await visit.open();
    await page.route("**/chart-*.css", (route) => route.abort());
    await page.click('tr[data-symbol="BTC_CAD"] .open');
    await page.locator("#told span", { hasText: "Not loaded: chart." }).waitFor();
    expect(await page.locator("dialog").count()).toBe(0);
    await page.unroute("**/chart-*.css");
    await openChart(page);
    expect(await page.locator("dialog.chart").evaluate((dialog) => getComputedStyle(dialog).display)).toBe("flex");
    expect(await page.locator('link[href*="chart-"]').count()).toBe(1);
    // The browser reports the missing file.
    expect(visit.errors.splice(0)).toEqual(["Failed to load resource: net::ERR_FAILED"]);
  });

  it("is used with the keyboard alone, and returns the focus", async ({ visit }) => {
    const page = await visit.open();
    await page.focus('tr[data-symbol="SHIB_CAD"] .open');
    await page.keyboard.press("Enter");
    await drawn(page);
    expect(await page.evaluate(() => (document.activeElement as HTMLInputElement).value)).toBe("1d");
    await page.keyboard.press("ArrowLeft");
    await page.waitForFunction(() =>
      document.querySelector(".chart-plot")?.getAttribute("aria-valuetext")?.includes(":00 UTC:"),
    );
    await drawn(page);
    expect(await page.evaluate(() => (document.activeElement as HTMLInputElement).value)).toBe("1h");
    await page.keyboard.press("Tab");
    expect(await page.evaluate(() => (document.activeElement as HTMLInputElement).value)).toBe("candles");
    await page.keyboard.press("Tab");
    expect(await visit.focused()).toBe("Close chart");
    await page.keyboard.press("Tab");
    expect(await visit.focused()).toMatch(/^Candles of /);
    const at = Number(await page.getAttribute(".chart-plot", "aria-valuenow"));
    for (const key of ["ArrowLeft", "ArrowLeft", "ArrowRight"]) await page.keyboard.press(key);
    expect(Number(await page.getAttribute(".chart-plot", "aria-valuenow"))).toBe(at - 1);
    // A screen reader reads what is shown.
    for (const name of ["time", "open", "high", "low", "close"])
      expect(await said(page)).toContain(await value(page, name));
    // Older candles load when the first one is selected.
    await expect
      .poll(async () => {
        await page.keyboard.press("Home");
        return await page.getAttribute(".chart-plot", "aria-valuenow");
      })
      .toBe("0");
    await page.keyboard.press("Escape");
    await gone(page);
    expect(await visit.focused()).toBe("SHIB_CAD open");
  });

  it("opens with two years of days, and goes on page by page", async ({ site, visit }) => {
    const startOfHour = site.now() - (site.now() % HOUR_MS);
    const page = await visit.open("?symbol=ETH_CAD");
    await drawn(page);
    await visit.tick();
    await page.focus(".chart-plot");
    await expect
      .poll(async () => {
        await page.keyboard.press("End");
        return await page.getAttribute(".chart-plot", "aria-valuemax");
      })
      .toBe("730");
    const [first, second, ...others] = asked(site);
    expect(first).toMatchObject({ symbol: "ETH_CAD", interval: "1d", limit: 500 });
    expect(first).not.toHaveProperty("before");
    expect(second).toMatchObject({ interval: "1d", limit: 500, before: expect.any(Number) });
    expect(others).toEqual([]);
    await page.keyboard.press("Home");
    expect(await value(page, "time")).toBe(new Date(Date.now() - 730 * DAY_MS).toISOString().slice(0, 10));
    await page.getByLabel("1 hour").press("Space");
    await drawn(page);
    await page.focus(".chart-plot");
    await expect
      .poll(async () => {
        await page.keyboard.press("Home");
        return await value(page, "time");
      })
      .toBe(`${new Date(startOfHour - 730 * HOUR_MS).toISOString().slice(0, 16).replace("T", " ")} UTC`);
    const hours = asked(site).filter(({ interval }) => interval === "1h");
    expect(hours.map(({ limit, before }) => [limit, before !== undefined])).toEqual([
      [500, false],
      [500, true],
    ]);
  });

  it("shows the candle under the pointer, also when the chart moves under it", async ({ visit }) => {
    const page = await visit.open();
    await openChart(page);
    const { left, top, width, height } = await boxOf(page, ".chart-plot");
    await page.focus(".chart-plot");
    await page.mouse.move(left + width / 4, top + height / 2);
    await expect.poll(() => value(page, "origin")).toBe("from the exchange's history");
    const before = await value(page, "time");
    for (let times = 0; times < 3; times += 1) await page.keyboard.press("-");
    await expect.poll(() => value(page, "time")).not.toBe(before);
    const after = await value(page, "time");
    await page.mouse.move(left + width / 4, top + height / 2 + 2);
    await page.waitForTimeout(100);
    expect(await value(page, "time")).toBe(after);
  });

  it.for([
    [320, "SHIB_CAD"],
    [320, "BTC_CAD"],
    [390, "SHIB_CAD"],
    [768, "BTC_CAD"],
  ] as const)("cuts no number off, %i px wide: %s", async ([width, symbol], { visit }) => {
    const page = await visit.open("", { viewport: { width, height: 844 } });
    await openChart(page, symbol);
    await expect.poll(() => page.textContent(".chart-book")).toContain(" to ");
    const texts = page.locator(".chart-book, .chart-values dd, .chart form span, .chart-price");
    const cut = (all: Element[]) =>
      all
        .filter((each) => each.scrollWidth > each.clientWidth + 1 || each.scrollHeight > each.clientHeight + 2)
        .filter((each) => getComputedStyle(each).display !== "inline")
        .map((each) => each.textContent);
    expect(await texts.evaluateAll(cut)).toEqual([]);
    expect(await page.locator(".chart-values :is(dt, dd)").evaluateAll(covered)).toEqual([]);
    expect(await page.locator("dialog.chart").evaluateAll(cutOff)).toEqual([]);
  });

  it.for(LOOKS)(
    "shows candles in outline while it loads, and moves nothing: %s",
    async ([name, options], { site, visit }) => {
      const page = await visit.open("", { ...options, script: WATCH_SHIFTS });
      site.answersAfterMs = 1500;
      await page.click('tr[data-symbol="BTC_CAD"] .open');
      const state = page.getByRole("status").filter({ hasText: "Loading candles…" });
      await state.waitFor();
      const skeleton = page.locator(".chart-state.loading .chart-skeleton");
      expect(await skeleton.isVisible()).toBe(true);
      expect(await skeleton.getAttribute("aria-hidden")).toBe("true");
      const [outline, stage] = await Promise.all([boxOf(page, ".chart-skeleton"), boxOf(page, ".chart-stage")]);
      expect([outline.width, outline.height]).toEqual([stage.width - 2 * BORDER, stage.height - 2 * BORDER]);
      expect(await visit.violations(`chart skeleton ${name}`)).toEqual([]);
      await drawn(page);
      expect(await skeleton.isVisible()).toBe(false);
      expect(await shifts(page)).toEqual([]);
    },
  );

  it("says where a candle comes from, to screen readers too", async ({ site, visit }) => {
    site.market.ticksOf = (age) => [1, 12, null][age] ?? (age < 3 ? null : 0);
    const page = await visit.open();
    await openChart(page);
    // The last candle is the one in progress.
    await visit.tick();
    await page.focus(".chart-plot");
    await page.keyboard.press("End");
    const read = async (): Promise<[string, string]> => {
      await page.keyboard.press("ArrowLeft");
      return [await value(page, "origin"), ((await said(page)) ?? "").replace(/^.*(up|down) \S+%/, "")];
    };
    expect(await read()).toEqual(["one price only, no range", ", one price only, no range"]);
    expect(await read()).toEqual(["the feed's own prices", ""]);
    expect(await read()).toEqual(["the feed's own prices", ""]);
    expect(await read()).toEqual(["from the exchange's history", ", from the exchange's history"]);
  });

  it("says nothing of ticks on an older feed", async ({ site, visit }) => {
    site.market.isOlder = true;
    const page = await visit.open();
    await openChart(page);
    await page.focus(".chart-plot");
    await page.keyboard.press("Home");
    expect(await value(page, "origin")).toBe("the feed's own prices");
    expect(await said(page)).toMatch(/%$/);
  });

  it("asks once more for minutes of one price, and shows the market's own", async ({ site, visit }) => {
    site.market.ticksOf = () => 1;
    const page = await visit.open("", { clockFrom: Date.now() });
    await openChart(page);
    await page.getByLabel("1 minute").press("Space");
    await drawn(page);
    const minutes = () =>
      asked(site).filter(({ interval, limit, before }) => interval === "1m" && limit === 500 && !before).length;
    expect(minutes()).toBe(1);
    await page.focus(".chart-plot");
    await page.keyboard.press("Home");
    expect(await value(page, "origin")).toBe("one price only, no range");
    site.market.ticksOf = () => 0;
    await page.clock.fastForward(5500);
    await expect.poll(() => value(page, "origin")).toBe("from the exchange's history");
    site.market.ticksOf = () => 1;
    await page.clock.fastForward(6000);
    await visit.tick();
    expect(minutes()).toBe(2);
    // Another interval within the 5 s: nobody waits for the minutes any more.
    await page.getByLabel("1 hour").press("Space");
    await drawn(page);
    await page.getByLabel("1 minute").press("Space");
    await drawn(page);
    await page.getByLabel("1 hour").press("Space");
    await drawn(page);
    await page.clock.fastForward(6000);
    await visit.tick();
    expect(minutes()).toBe(3);
  });

  it("is drawn as its link says, and the address follows it", async ({ visit }) => {
    const page = await visit.open("?symbol=BTC_CAD&chart=1h,line,ETH_CAD,nonsense");
    await drawn(page);
    const isChecked = (label: string) => page.getByLabel(label, { exact: true }).isChecked();
    expect([await isChecked("1 hour"), await isChecked("Line")]).toEqual([true, true]);
    await expect.poll(() => page.getByLabel("Compare with").inputValue()).toBe("ETH_CAD");
    await page.getByLabel("1 day").press("Space");
    await drawn(page);
    expect(await visit.query()).toBe("?symbol=BTC_CAD&chart=line%2CETH_CAD");
    await page.getByLabel("Candles", { exact: true }).press("Space");
    await page.getByLabel("Compare with").selectOption("");
    expect(await visit.query()).toBe("?symbol=BTC_CAD");
    await page.getByLabel("1 minute").press("Space");
    await page.keyboard.press("Escape");
    await expect.poll(() => visit.query()).toBe("");
    await openChart(page, "ETH_CAD");
    expect(await visit.query()).toBe("?symbol=ETH_CAD&chart=1m");
  });

  it("draws candles or a line, and marks the highest and the lowest price", async ({ site, visit }) => {
    site.market.ticksOf = (age) => (age < 30 ? 12 : 0);
    const page = await visit.open();
    await openChart(page);
    for (const [style, picture] of [
      ["Candles", "chart candles"],
      ["Line", "chart line"],
      ["Candles", "chart candles again"],
    ] as const) {
      await page.getByLabel(style, { exact: true }).press("Space");
      const before = await value(page, "close");
      while ((await value(page, "close")) === before) await visit.tick();
      expect(await visit.violations(picture)).toEqual([]);
    }
    await page.emulateMedia({ colorScheme: "dark" });
    await page.getByLabel("Line", { exact: true }).press("Space");
    await page.getByLabel("1 hour").press("Space");
    await drawn(page);
    expect(await visit.violations("chart line dark")).toEqual([]);
  });

  it("is compared with a second asset in percent, in each interval, live", async ({ site, visit }) => {
    const page = await visit.open();
    await openChart(page);
    const compare = page.getByLabel("Compare with");
    const others = await compare.locator("option").allTextContents();
    expect([others[0], others.includes("BTC_CAD"), others.length]).toEqual(["–", false, SYMBOLS.length]);
    await compare.selectOption("SHIB_CAD");
    const askedOf = (interval: string) =>
      asked(site).filter((each) => each.symbol === "SHIB_CAD" && each.interval === interval).length;
    await expect.poll(() => askedOf("1d")).toBe(2);
    expect(await page.getAttribute(".chart-plot", "aria-label")).toBe(
      "Candles of Bitcoin, compared with SHIB_CAD in percent",
    );
    await visit.tick();
    expect(await visit.violations("chart compared")).toEqual([]);
    await page.getByLabel("Line", { exact: true }).press("Space");
    await page.getByLabel("1 hour").press("Space");
    await drawn(page);
    await expect.poll(() => askedOf("1h")).toBe(1);
    await visit.tick();
    expect(await visit.violations("chart compared line")).toEqual([]);
    await compare.selectOption("–");
    expect(await page.getAttribute(".chart-plot", "aria-label")).toBe("Candles of Bitcoin");
    await visit.tick();
    site.market.refused = "ETH_CAD";
    await compare.selectOption("ETH_CAD");
    await expect.poll(() => page.textContent(".chart-compare")).toContain("No candles of ETH_CAD came");
    expect(await compare.inputValue()).toBe("");
    await compare.selectOption("SHIB_CAD");
    await expect.poll(() => page.textContent(".chart-compare span")).toBe("Compare with");
  });

  it("says between what prices the last 24 hours were", async ({ site, visit }) => {
    const page = await visit.open();
    await openChart(page);
    await expect.poll(() => page.textContent(".chart-book")).toMatch(/24 h \S+ CAD, from [\d,.]+ to [\d,.]+$/);
    const ranged = site.market.asked.filter(({ event, limit }) => event === "history" && limit === RANGE_CANDLES);
    expect(ranged).toMatchObject([{ symbol: "BTC_CAD", interval: "1h" }]);
    const [low, high] = ((await page.textContent(".chart-book")) ?? "").match(/(?<=from |to )[\d,.]+/g) ?? [];
    expect(Number(low?.replaceAll(",", ""))).toBeLessThanOrEqual(Number((await spot(page))?.replaceAll(",", "")));
    expect(Number(high?.replaceAll(",", ""))).toBeGreaterThan(Number(low?.replaceAll(",", "")));
  });

  it("copies a link to the chart as it is drawn", async ({ visit }) => {
    const page = await visit.open("?symbol=BTC_CAD&chart=1h,line,ETH_CAD");
    await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
    const copy = page.getByRole("button", { name: "Copy link", exact: true });
    await copy.click();
    await expect.poll(() => page.evaluate(() => navigator.clipboard.readText())).toBe(page.url());
    expect(page.url()).toMatch(/symbol=BTC_CAD&chart=1h%2Cline%2CETH_CAD$/);
    await expect.poll(() => copy.count(), { timeout: 5_000 }).toBe(1);
  });

  it("copies the candles, or says that the browser does not let it", async ({ visit }) => {
    const page = await visit.open();
    await openChart(page);
    await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
    const copy = page.locator(".chart-copy").first();
    await copy.click();
    await expect.poll(() => copy.textContent()).toBe("Copied");
    const rows = (await page.evaluate(() => navigator.clipboard.readText())).trim().split(/\r?\n/);
    expect(rows[0]).toBe("time,open,high,low,close");
    expect(rows.length).toBeGreaterThan(500);
    expect(rows[1]).toMatch(/^\d{4}-\d\d-\d\dT00:00:00.000Z(,\d+(\.\d+)?){4}$/);
    await expect.poll(() => copy.textContent(), { timeout: 5_000 }).toBe("Copy CSV");
    await page.evaluate(() => Object.defineProperty(navigator, "clipboard", { value: undefined }));
    await copy.click();
    await expect.poll(() => copy.textContent()).toBe("The browser does not let the page copy");
  });

  it("says when the connection is cut, and continues after it", async ({ site, visit }) => {
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

  it.for(LOOKS)(
    "has no violation of accessibility rules, live and cut: %s",
    async ([name, options], { site, visit }) => {
      const page = await visit.open("", options);
      await openChart(page);
      expect(await visit.violations(`chart ${name}`), "live").toEqual([]);
      await site.stop();
      await expect.poll(() => notice(page)).toMatch(/^No connection/);
      expect(await visit.violations(`chart cut ${name}`), "cut").toEqual([]);
    },
  );

  it.for(LOOKS)("has no violation without candles or without a price: %s", async ([name, options], { site, visit }) => {
    site.market.hasCandles = false;
    site.market.unavailable.add("REN_CAD");
    const page = await visit.open("?symbol=REN_CAD", options);
    await expect.poll(() => page.textContent(".chart-state")).toContain("There are no candles for this asset yet.");
    expect(await page.textContent(".chart-marks")).toBe("no price now");
    expect(await visit.violations(`chart without candles ${name}`)).toEqual([]);
  });

  it("leaves nothing behind when it is opened many times", async ({ visit }) => {
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
