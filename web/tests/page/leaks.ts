/** What a page holds after garbage collection. */

import type { Page } from "./browser.ts";

export interface Counts {
  readonly nodes: number;
  readonly listeners: number;
  readonly heapBytes: number;
}

/** An object that is being drawn survives one collection, but not the next ones. */
const COLLECTIONS = 3;
const COLLECTION_PAUSE_MS = 200;

export async function countsOf(page: Page): Promise<() => Promise<Counts>> {
  const protocol = await page.context().newCDPSession(page);
  await protocol.send("Performance.enable");
  return async () => {
    // Objects that the browser keeps for its console do not count.
    await protocol.send("Runtime.discardConsoleEntries");
    for (let collection = 0; collection < COLLECTIONS; collection += 1) {
      await protocol.send("HeapProfiler.collectGarbage");
      await new Promise((resolve) => setTimeout(resolve, COLLECTION_PAUSE_MS));
    }
    const { metrics } = await protocol.send("Performance.getMetrics");
    const of = (name: string) => metrics.find((metric) => metric.name === name)?.value ?? Number.NaN;
    return { nodes: of("Nodes"), listeners: of("JSEventListeners"), heapBytes: of("JSHeapUsedSize") };
  };
}
