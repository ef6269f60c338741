/** Random cuts in accelerated time: after each, the page is back with right prices and no more memory than before. */

import { parseExact } from "cadfeed-client/exact.ts";
import { describe, expect } from "vitest";
import type { Page } from "./browser.ts";
import { CHROMIUM, it } from "./browser.ts";
import { Hour } from "./hour.ts";
import { countsOf } from "./leaks.ts";

const TIMEOUT_MS = 240_000;
const SEED = 7;
/** Twenty minutes of the page's time; CADFEED_PAGE_SECONDS=3600 for a whole one. */
const SECONDS = Number(process.env["CADFEED_PAGE_SECONDS"] ?? 1200);
/** By then the page has loaded everything, including the chart's library. */
const WARM_SECONDS = 400;
const CHART = { opened: SECONDS / 3, closed: SECONDS / 2 };
const FEWEST_CUTS = SECONDS / 72;
const MOST_GROWTH_BYTES = 500_000;
const LONGEST_DELAY_MS = 30_000;
/** How long the page waits after a lost connection before it opens the next one, by its own clock. */
const WATCH_DELAYS = `
  window.delays = [];
  let standing = 0;
  let lostAt;
  window.WebSocket = new Proxy(WebSocket, {
    construct(Real, args) {
      if (lostAt !== undefined) window.delays.push(Math.round(Date.now() - lostAt));
      lostAt = undefined;
      standing += 1;
      const socket = new Real(...args);
      socket.addEventListener("close", () => {
        standing -= 1;
        if (!standing) lostAt = Date.now();
      });
      return socket;
    },
  });
`;

describe.skipIf(!CHROMIUM)("twenty minutes of cuts", { timeout: TIMEOUT_MS }, () => {
  it("ends with right prices, one connection, and no leak", async ({ site, visit }) => {
    const page = await visit.open("?sort=change", { clockFrom: Date.now(), script: WATCH_DELAYS });
    const beganAt = Date.now() + 1000;
    await page.clock.pauseAt(beganAt);
    const hour = new Hour(site, visit, beganAt, SEED);
    const counts = await countsOf(page);

    await cutWithChart(page, hour, WARM_SECONDS / 2);
    await hour.until(WARM_SECONDS);
    await hour.settle();
    const before = await counts();
    await hour.until(CHART.opened);
    await cutWithChart(page, hour, CHART.closed);
    await hour.until(SECONDS);
    await hour.settle();
    const after = await counts();

    expect([...hour.cuts.values()].every(Boolean), JSON.stringify([...hour.cuts])).toBe(true);
    expect([...hour.cuts.values()].reduce((all, some) => all + some)).toBeGreaterThan(FEWEST_CUTS);
    await expect.poll(() => site.connections).toBe(1);
    expect(await pricesOf(page)).toEqual(pricesIn(site.market.snapshot(site.now())));
    const delays = await page.evaluate(() => (window as unknown as { delays: number[] }).delays);
    expect(new Set(delays).size, "delays are spread").toBeGreaterThan(delays.length / 2);
    expect(Math.max(...delays)).toBeLessThanOrEqual(LONGEST_DELAY_MS);
    expect(after.nodes).toBeLessThanOrEqual(before.nodes);
    expect(after.listeners).toBeLessThanOrEqual(before.listeners);
    expect(after.heapBytes - before.heapBytes).toBeLessThan(MOST_GROWTH_BYTES);
  });
});

/** Cut connections until that second, with a chart open. */
async function cutWithChart(page: Page, hour: Hour, second: number): Promise<void> {
  await page.click('tr[data-symbol="BTC_CAD"] .open');
  await hour.until(second);
  await page.waitForFunction(() => Boolean(document.querySelector("dialog.chart[open] .chart-state[hidden]")));
  await hour.settle();
  expect(await page.textContent(".chart-of-close dd")).toBe(
    await page.textContent('tr[data-symbol="BTC_CAD"] td.spot'),
  );
  await page.keyboard.press("Escape");
  await page.waitForFunction(() => !document.querySelector("dialog.chart"));
  // Rows change places only while none of them has the focus.
  await page.evaluate(() => (document.activeElement as HTMLElement).blur());
}

type Prices = Record<string, string[]>;

/** The title of each cell with a price: its value with every digit. */
function pricesOf(page: Page): Promise<Prices> {
  return page.evaluate(async () => {
    // The page's own timers may stand still.
    const turn = (): Promise<unknown> =>
      new Promise((resolve) => {
        const { port1, port2 } = new MessageChannel();
        port1.onmessage = resolve;
        port2.postMessage(undefined);
      });
    const whole = async (cell: HTMLElement): Promise<string> => {
      cell.title = "";
      cell.dispatchEvent(new PointerEvent("pointerover", { bubbles: true }));
      // The first title loads the code for titles. A symbol without a price has none.
      for (let tries = 0; !cell.title && tries < 200; tries += 1) await turn();
      return cell.title;
    };
    const prices: Prices = {};
    for (const row of document.querySelectorAll<HTMLElement>("#quotes tr")) {
      const titles: string[] = [];
      for (const cell of row.querySelectorAll<HTMLElement>("td.spot, td.bid, td.ask, td.change, td.percent"))
        titles.push(await whole(cell));
      prices[row.dataset["symbol"] ?? ""] = titles;
    }
    return prices;
  });
}

function pricesIn(snapshot: string): Prices {
  const { data } = parseExact(snapshot) as {
    data: { symbol: string; spot: string; bid: string; ask: string; change: string; change_pct: string }[];
  };
  const rows = data.map(({ symbol, spot, bid, ask, change, change_pct: percent }) => [
    symbol,
    [...[spot, bid, ask, change].map((price) => `${price} CAD`), `${percent} %`],
  ]);
  return Object.fromEntries(rows);
}
