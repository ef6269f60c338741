/**
 * The candles of one chart: those of the server, and the last one, which quotes continue.
 *
 * The page builds it by the server's own rules (shared/pricing/candles.py), so the two agree if the page missed nothing. The
 * server's next answer corrects what it missed.
 */

import type { Candle, History, Interval } from "cadfeed-client";

export const LENGTH_MS: Readonly<Record<Interval, number>> = { "1m": 60_000, "1h": 3_600_000, "1d": 86_400_000 };

export class Candles {
  readonly interval: Interval;
  /** Oldest first. */
  #sorted: Candle[] = [];
  /** When the candles began that can no longer change. */
  readonly #final = new Set<number>();

  constructor(interval: Interval) {
    this.interval = interval;
  }

  get all(): readonly Candle[] {
    return this.#sorted;
  }

  get last(): Candle | undefined {
    return this.#sorted.at(-1);
  }

  /** The index and the candle that began at this time. */
  find(openMs: number): readonly [number, Candle] | undefined {
    const index = this.#sorted.findIndex((candle) => candle.openMs === openMs);
    const candle = this.#sorted[index];
    return candle && [index, candle];
  }

  /** Merge an answer of the server. Its closed candles are final; its candle in progress may lack quotes that are here. */
  merge({ candles, inProgress }: History): void {
    const held = new Map(this.#sorted.map((candle) => [candle.openMs, candle]));
    for (const candle of candles) {
      held.set(candle.openMs, candle);
      this.#final.add(candle.openMs);
    }
    if (inProgress && !this.#final.has(inProgress.openMs)) {
      const live = held.get(inProgress.openMs);
      held.set(inProgress.openMs, live ? merged(inProgress, live) : inProgress);
    }
    this.#sorted = [...held.values()].sort((a, b) => a.openMs - b.openMs);
  }

  /** Add the price of the tick at `tickMs`, the server's time; returns the candle that it made or changed. */
  addPrice(price: string, tickMs: number): Candle | undefined {
    const openMs = startOf(tickMs, this.interval);
    const { last } = this;
    if (this.#final.has(openMs) || (last && last.openMs > openMs)) return undefined;
    if (last?.openMs !== openMs) {
      const candle = { openMs, open: price, high: price, low: price, close: price };
      this.#sorted.push(candle);
      return candle;
    }
    const candle = { ...extended(last, price, price), close: price };
    this.#sorted[this.#sorted.length - 1] = candle;
    return candle;
  }
}

/** The beginning of the interval that contains this time, in UTC. */
export function startOf(timeMs: number, interval: Interval): number {
  return Math.floor(timeMs / LENGTH_MS[interval]) * LENGTH_MS[interval];
}

function merged(server: Candle, live: Candle): Candle {
  const { ticks } = live;
  return {
    ...extended(server, live.high, live.low),
    close: live.close,
    ticks: ticks === undefined ? ticks : server.ticks,
  };
}

/** The page does not know how many ticks the server counts in a candle that quotes continue. */
function extended(candle: Candle, high: string, low: string): Candle {
  return { ...candle, high: higher(candle.high, high), low: lower(candle.low, low), ticks: undefined };
}

/** The higher of two prices, with its own digits. */
export function higher(a: string, b: string): string {
  return Number(b) > Number(a) ? b : a;
}

/** The lower of two prices, with its own digits. */
export function lower(a: string, b: string): string {
  return Number(b) < Number(a) ? b : a;
}
