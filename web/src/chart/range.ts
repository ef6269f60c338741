/** The lowest and the highest price of the last 24 hours, from the candles of its hours and from quotes. */

import type { Candle } from "cadfeed-client";
import { higher, LENGTH_MS, lower } from "./candles.ts";

const HOURS = 24;
/** The hour in which the 24 hours begin is one more. */
export const RANGE_CANDLES = HOURS + 1;

export class DayRange {
  #prices: readonly [low: string, high: string] | undefined;

  /** Both prices with all their digits; undefined until there are candles. */
  get prices(): readonly [low: string, high: string] | undefined {
    return this.#prices;
  }

  /** Begin with the hours that were not over 24 hours before this time. */
  begin(hours: readonly Candle[], nowMs: number): void {
    const from = nowMs - HOURS * LENGTH_MS["1h"];
    for (const { openMs, low, high } of hours) {
      if (openMs + LENGTH_MS["1h"] <= from) continue;
      const [least, most] = this.#prices ?? [low, high];
      this.#prices = [lower(least, low), higher(most, high)];
    }
  }

  /** Take in a price of now, once the range has begun. */
  add(price: string): void {
    if (this.#prices) this.#prices = [lower(this.#prices[0], price), higher(this.#prices[1], price)];
  }
}
