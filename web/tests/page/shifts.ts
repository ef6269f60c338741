/** Layout shifts that the user did not cause. */

import type { Page } from "./browser.ts";

/** A script that records them; it runs before the page's own. */
export const WATCH_SHIFTS = `
  window.shifts = [];
  new PerformanceObserver((list) => {
    for (const { sources } of list.getEntries()) for (const { node, previousRect, currentRect } of sources) {
      const name = node?.id || node?.className || node?.parentElement?.className || node?.nodeName;
      window.shifts.push([name, JSON.stringify(previousRect), JSON.stringify(currentRect)].join(" "));
    }
  }).observe({ type: "layout-shift", buffered: true });
`;

export const shifts = (page: Page): Promise<string[]> =>
  page.evaluate(() => (window as unknown as { shifts: string[] }).shifts);
