/** The chart in a real Chromium, on the built page and under the deployed page's policy. */

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type axe from "axe-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { builtSite, CHROMIUM, launched } from "./page/browser.ts";
import type { Browser, Page, Site } from "./page/browser.ts";

const TIMEOUT_MS = 90_000;
const TIMES = 50;
const DESKTOP = { width: 1280, height: 860 };
const PHONE = { width: 390, height: 844 };
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

describe.skipIf(!CHROMIUM)("the chart", { timeout: TIMEOUT_MS }, () => {
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
    await site.start();
  });
  afterEach(async () => {
    await page.context().close();
    await site.stop();
    // Connections that could not be made are told of by the browser, whatever the page does.
    expect(errors.filter((error) => !error.includes("WebSocket connection to"))).toEqual([]);
  });

  async function opened(options: Parameters<Browser["newContext"]>[0] = {}): Promise<void> {
    const context = await browser.newContext({ viewport: DESKTOP, ...options });
    page = await context.newPage();
    page.on("pageerror", (error) => errors.push(String(error)));
    page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
    await page.goto(site.url);
    await page.locator('#state[data-kind="live"]').waitFor();
  }

  async function openChart(symbol = "BTC_CAD"): Promise<void> {
    await page.click(`tr[data-symbol="${symbol}"] .open`);
    await drawn();
  }

  /** Without a handle on an element: it would keep the dialog from being collected. */
  const drawn = () => page.waitForFunction(() => Boolean(document.querySelector("dialog.chart[open] .chart-state[hidden]")));
  const gone = () => page.waitForFunction(() => !document.querySelector("dialog.chart"));
  const value = async (name: string) => (await page.textContent(`.chart-of-${name} dd`)) ?? "";
  const spot = () => page.textContent('tr[data-symbol="BTC_CAD"] td.spot');
  const said = () => page.getAttribute(".chart-plot", "aria-valuetext");
  const files = () => page.evaluate(() => performance.getEntriesByType("resource").map(({ name }) => name));

  async function violations(): Promise<string[]> {
    // Through the protocol, so that the page's own policy stays as it is.
    await page.evaluate(AXE);
    const { violations: found } = await page.evaluate(() => (window as unknown as { axe: typeof axe }).axe.run());
    return found.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).slice(0, 3).join(" ")}`);
  }

  it("loads its library when it is opened, and goes on with each quote", async () => {
    await opened();
    expect((await files()).filter((name) => name.includes("canvas"))).toEqual([]);
    await openChart();
    expect((await files()).filter((name) => name.includes("canvas"))).toHaveLength(1);
    for (let tick = 0; tick < 5; tick++) {
      const before = await page.textContent(".chart-price");
      while ((await page.textContent(".chart-price")) === before) {
        site.tick();
        await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
      }
      const [close, high, low] = await Promise.all([value("close"), value("high"), value("low")]);
      expect(close).toBe(await page.textContent(".chart-price"));
      expect(close).toBe(await spot());
      const [c, h, l] = [close, high, low].map((text) => Number(text.replaceAll(",", "")));
      expect(h).toBeGreaterThanOrEqual(c ?? Number.NaN);
      expect(l).toBeLessThanOrEqual(c ?? Number.NaN);
    }
    expect(await page.textContent(".chart-marks")).toBe("simulated");
  });

  it("is used with the keyboard alone, and gives the focus back", async () => {
    await opened();
    await page.focus('tr[data-symbol="SHIB_CAD"] .open');
    await page.keyboard.press("Enter");
    await drawn();
    expect(await page.evaluate(() => (document.activeElement as HTMLInputElement).value)).toBe("1m");
    await page.keyboard.press("ArrowRight");
    await page.waitForFunction(() => document.querySelector(".chart-plot")?.getAttribute("aria-valuetext")?.includes(":00 UTC:"));
    await drawn();
    expect(await page.evaluate(() => (document.activeElement as HTMLInputElement).value)).toBe("1h");
    await page.focus(".chart-plot");
    const at = Number(await page.getAttribute(".chart-plot", "aria-valuenow"));
    for (const key of ["ArrowLeft", "ArrowLeft", "ArrowRight"]) await page.keyboard.press(key);
    expect(Number(await page.getAttribute(".chart-plot", "aria-valuenow"))).toBe(at - 1);
    // What is shown is what is read out.
    for (const name of ["time", "open", "high", "low", "close"]) expect(await said()).toContain(await value(name));
    await page.keyboard.press("Home");
    expect(await page.getAttribute(".chart-plot", "aria-valuenow")).toBe("0");
    await page.keyboard.press("Escape");
    await gone();
    expect(await page.evaluate(() => document.activeElement?.closest("tr")?.dataset["symbol"])).toBe("SHIB_CAD");
  });

  it("says when the feed is cut, and goes on when it is back", async () => {
    await opened();
    await openChart();
    expect(await page.textContent(".chart-notice")).toBe("");
    await site.stop();
    await page.waitForFunction(() => document.querySelector(".chart-notice")?.textContent?.startsWith("No connection"));
    const before = await value("close");
    site.market.update(Date.now());
    await site.start();
    await page.waitForFunction(() => !document.querySelector(".chart-notice")?.textContent);
    for (let tick = 0; tick < 20 && (await value("close")) === before; tick++) site.tick();
    await expect.poll(() => value("close")).not.toBe(before);
    await expect.poll(async () => (await value("close")) === (await spot())).toBe(true);
  });

  it("has no violation of accessibility rules, in light, dark and on a phone", async () => {
    for (const options of [{ colorScheme: "light" }, { colorScheme: "dark" }, { colorScheme: "dark", viewport: PHONE }] as const) {
      if (page?.context().pages().length) await page.context().close();
      await opened(options);
      await openChart();
      expect(await violations(), JSON.stringify(options)).toEqual([]);
    }
  });

  it("leaves nothing behind, however often it is opened", async () => {
    await opened();
    const protocol = await page.context().newCDPSession(page);
    await protocol.send("Performance.enable");
    const counts = async (): Promise<Record<string, number | undefined>> => {
      await protocol.send("HeapProfiler.collectGarbage");
      const { metrics } = await protocol.send("Performance.getMetrics");
      const of = (name: string) => metrics.find((metric) => metric.name === name)?.value;
      return { nodes: of("Nodes"), listeners: of("JSEventListeners") };
    };
    const openAndClose = async (): Promise<void> => {
      await openChart();
      await page.focus(".chart-plot");
      await page.keyboard.press("ArrowLeft");
      await page.keyboard.press("Escape");
      await gone();
    };
    for (let time = 0; time < 3; time++) await openAndClose();
    const before = await counts();
    for (let time = 0; time < TIMES; time++) await openAndClose();
    await expect.poll(counts, { timeout: 10_000 }).toEqual(before);
  });
});
