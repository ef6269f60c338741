/** A chart of one asset in a dialog: candles of the server, the last one live from quotes. Loaded when it is first opened. */

import { Chart } from "./chart.ts";
import type { ChartOptions } from "./chart.ts";

export type { Chart, ChartOptions } from "./chart.ts";

let current: Chart | undefined;

/** Open the chart of an asset, in place of one that is open. It closes with Escape, or by `close`. */
export function openChart(options: ChartOptions): Chart {
  current?.close();
  current = new Chart(options);
  return current;
}
