/** The chart on a whole stack: its live candle is the same as in the feed's answer. */

import { describe, expect } from "vitest";
import type { Page } from "../page/browser.ts";
import { shifts, WATCH_SHIFTS } from "../page/shifts.ts";
import { ask, it } from "./stack.ts";

const TIMEOUT_MS = 150_000;
/** A tick may come between the feed's answer and the check of the page. */
const ALIKE_WITHIN = { timeout: 40_000 };
/** In the order in which the right arrow chooses them, from the first one that the chart shows. */
const INTERVALS = ["1d", "1m", "1h"];
const LOOKS = [
  ["light", { colorScheme: "light" }],
  ["dark", { colorScheme: "dark" }],
] as const;

const isDrawn = (page: Page) => page.locator("dialog.chart[open] .chart-state[hidden]").waitFor({ state: "attached" });

describe("the chart on a whole stack", { timeout: TIMEOUT_MS }, () => {
  it("has the feed's candles of each interval, and moves nothing", async ({ visit }) => {
    const page = await visit.open("", { script: WATCH_SHIFTS });
    await page.focus('tr[data-symbol="BTC_CAD"] .open');
    await page.keyboard.press("Enter");
    for (const interval of INTERVALS) {
      await isDrawn(page);
      expect(await page.evaluate(() => (document.activeElement as HTMLInputElement).value)).toBe(interval);
      await expect.poll(() => liveCandles(page, interval), ALIKE_WITHIN).toHaveLength(1);
      await page.keyboard.press("ArrowRight");
    }
    await isDrawn(page);
    expect(await page.textContent(".chart-marks")).toBe("simulated");
    await page.keyboard.press("Escape");
    expect(await visit.focused()).toBe("BTC_CAD open");
    expect(await shifts(page)).toEqual([]);
  });

  it.for(LOOKS)("has no accessibility violations: %s", async ([name, options], { visit }) => {
    const page = await visit.open("?symbol=BTC_CAD", options);
    await isDrawn(page);
    expect(await visit.violations(`stack chart ${name}`)).toEqual([]);
  });
});

/** The candle in progress on the page and in the feed's answer: one value if they agree. */
async function liveCandles(page: Page, interval: string): Promise<string[]> {
  const { in_progress: candle } = await ask({ event: "history", symbol: "BTC_CAD", interval, limit: 1 });
  const [openMs, ...prices] = candle as [number, ...string[]];
  const open = new Date(openMs).toISOString();
  const values = await page.evaluate(() =>
    ["open", "high", "low", "close"].map(
      (name) => document.querySelector<HTMLElement>(`.chart-of-${name} dd`)?.title ?? "",
    ),
  );
  const time = await page.textContent(".chart-of-time dd");
  const [day, clock] = [open.slice(0, 10), open.slice(11, 16)];
  return [
    ...new Set([[time, ...values].join(" "), [interval === "1d" ? day : `${day} ${clock} UTC`, ...prices].join(" ")]),
  ];
}
