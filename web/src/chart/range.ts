/** The lowest and the highest price of the last 24 hours, from the candles of its hours and from quotes. */

import type { Candle } from "cadfeed-client";
import { LENGTH_MS } from "./candles.ts";

const HOURS = 24;
/** The hour in which the 24 hours begin is one more. */
export const RANGE_CANDLES = HOURS + 1;

export class DayRange {
  #low: string | undefined;
  #high: string | undefined;

  /** Both prices with all their digits; undefined until there are candles. */
  get prices(): readonly [low: string, high: string] | undefined {
    return this.#low !== undefined && this.#high !== undefined ? [this.#low, this.#high] : undefined;
  }

  /** Begin with the hours that were not over 24 hours before this time. */
  begin(hours: readonly Candle[], nowMs: number): void {
    const from = nowMs - HOURS * LENGTH_MS["1h"];
    for (const { openMs, low, high } of hours) {
      if (openMs + LENGTH_MS["1h"] <= from) continue;
      this.#low = this.#low === undefined || Number(low) < Number(this.#low) ? low : this.#low;
      this.#high = this.#high === undefined || Number(high) > Number(this.#high) ? high : this.#high;
    }
  }

  /** Take in a price of now, once the range has begun. */
  add(price: string): void {
    if (this.#low !== undefined && Number(price) < Number(this.#low)) this.#low = price;
    if (this.#high !== undefined && Number(price) > Number(this.#high)) this.#high = price;
  }
}
