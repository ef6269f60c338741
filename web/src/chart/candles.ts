/**
 * The candles of one chart: those that the server keeps, and the last one, which quotes go on with.
 *
 * It is built by the server's own rules (shared/pricing/candles.py), so the two agree when nothing was missed; what was missed
 * is put right by the next answer of the server.
 */

import type { Candle, History, Interval } from "cadfeed-client";

export const LENGTH_MS: Readonly<Record<Interval, number>> = { "1m": 60_000, "1h": 3_600_000, "1d": 86_400_000 };

export class Candles {
  readonly interval: Interval;
  /** Oldest first. */
  #sorted: Candle[] = [];
  /** The beginnings of those that nothing changes any more. */
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

  /** The candle that began at this time, and its place. */
  find(openMs: number): readonly [number, Candle] | undefined {
    const index = this.#sorted.findIndex((candle) => candle.openMs === openMs);
    const candle = this.#sorted[index];
    return candle && [index, candle];
  }

  /** An answer of the server. What it calls final is; its candle in progress may lack quotes that are here already. */
  merge({ candles, inProgress }: History): void {
    const held = new Map(this.#sorted.map((candle) => [candle.openMs, candle]));
    for (const candle of candles) {
      held.set(candle.openMs, candle);
      this.#final.add(candle.openMs);
    }
    if (inProgress && !this.#final.has(inProgress.openMs)) {
      const live = held.get(inProgress.openMs);
      held.set(inProgress.openMs, live ? together(inProgress, live) : inProgress);
    }
    this.#sorted = [...held.values()].sort((a, b) => a.openMs - b.openMs);
  }

  /** A price of the tick at `tickMs`, the server's time; the candle that it made or changed. */
  take(price: string, tickMs: number): Candle | undefined {
    const openMs = beganAt(tickMs, this.interval);
    const { last } = this;
    if (this.#final.has(openMs) || (last && last.openMs > openMs)) return undefined;
    if (last?.openMs !== openMs) {
      const candle = { openMs, open: price, high: price, low: price, close: price };
      this.#sorted.push(candle);
      return candle;
    }
    const candle = { ...last, high: higher(last.high, price), low: lower(last.low, price), close: price };
    this.#sorted[this.#sorted.length - 1] = candle;
    return candle;
  }
}

/** When the interval began that this time is in; intervals are those of UTC. */
export function beganAt(timeMs: number, interval: Interval): number {
  return Math.floor(timeMs / LENGTH_MS[interval]) * LENGTH_MS[interval];
}

function together(server: Candle, live: Candle): Candle {
  return { ...server, high: higher(server.high, live.high), low: lower(server.low, live.low), close: live.close };
}

function higher(a: string, b: string): string {
  return Number(b) > Number(a) ? b : a;
}

function lower(a: string, b: string): string {
  return Number(b) < Number(a) ? b : a;
}
