/** Candles as CSV, with all digits of their prices: https://datatracker.ietf.org/doc/html/rfc4180 */

import type { Candle } from "cadfeed-client";

const COLUMNS = "time,open,high,low,close";

export function csvOf(candles: readonly Candle[]): string {
  const rows = candles.map(({ openMs, open, high, low, close }) =>
    [new Date(openMs).toISOString(), open, high, low, close].join(),
  );
  return [COLUMNS, ...rows, ""].join("\r\n");
}
