/** What a page holds that is not garbage. */

import type { Page } from "./browser.ts";

export interface Counts {
  readonly nodes: number;
  readonly listeners: number;
  readonly heapBytes: number;
}

export async function countsOf(page: Page): Promise<() => Promise<Counts>> {
  const protocol = await page.context().newCDPSession(page);
  await protocol.send("Performance.enable");
  return async () => {
    // What the browser keeps for its console is not the page's.
    await protocol.send("Runtime.discardConsoleEntries");
    await protocol.send("HeapProfiler.collectGarbage");
    const { metrics } = await protocol.send("Performance.getMetrics");
    const of = (name: string) => metrics.find((metric) => metric.name === name)?.value ?? Number.NaN;
    return { nodes: of("Nodes"), listeners: of("JSEventListeners"), heapBytes: of("JSHeapUsedSize") };
  };
}
