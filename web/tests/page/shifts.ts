/** What moves on the page without the reader's doing. */

import type { Page } from "./browser.ts";

/** To note it from before anything of the page runs. */
export const WATCH_SHIFTS = `
  window.shifts = [];
  new PerformanceObserver((list) => {
    for (const { sources } of list.getEntries()) for (const { node, previousRect, currentRect } of sources) {
      const name = node?.id || node?.className || node?.parentElement?.className || node?.nodeName;
      window.shifts.push([name, JSON.stringify(previousRect), JSON.stringify(currentRect)].join(" "));
    }
  }).observe({ type: "layout-shift", buffered: true });
`;

export const shifts = (page: Page): Promise<string[]> => page.evaluate(() => (window as unknown as { shifts: string[] }).shifts);
