/** A chart of one asset in a dialog: the server's candles, the last one live from quotes. Loaded with the first chart. */

import type { ChartOptions } from "./chart.ts";
import { Chart } from "./chart.ts";

export type { Chart, ChartOptions } from "./chart.ts";

let current: Chart | undefined;

/** Open the chart of an asset, and close one that is open. Escape and `close` close it. */
export function openChart(options: ChartOptions): Chart {
  current?.close();
  current = new Chart(options);
  return current;
}
