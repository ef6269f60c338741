/** The hours before the page was opened, for the lines of the rows in sight: asked for one by one, once each. */

import type { Feed, History, Interval } from "cadfeed-client";
import type { Row } from "./row.ts";
import type { QuoteTable } from "./table.ts";
import type { Point } from "./trend.ts";

/** The feed takes 5 messages a second: this leaves room for what the reader asks for. */
const PAUSE_MS = 300;
/** A line of fewer candles than that tells nothing. */
const FEWEST = 8;
const STEPS: readonly (readonly [Interval, stepMs: number, limit: number])[] = [
  ["1h", 3_600_000, 24],
  ["1m", 60_000, 60],
];

export class Past {
  readonly #feed: Feed;
  readonly #table: QuoteTable;
  readonly #wanted = new Set<Row>();
  readonly #asked = new Set<Row>();
  readonly #sight: IntersectionObserver;
  #isAsking = false;
  /** Hours, until the feed turns out to be younger than that. */
  #step = 0;

  constructor(feed: Feed, table: QuoteTable) {
    this.#feed = feed;
    this.#table = table;
    this.#sight = new IntersectionObserver((entries) => this.#seen(entries));
  }

  /** Look out for all rows of the table. */
  watch(): void {
    for (const { element } of this.#table.rows.values()) this.#sight.observe(element);
  }

  #seen(entries: readonly IntersectionObserverEntry[]): void {
    for (const { target, isIntersecting } of entries) {
      const row = this.#table.rowOf(target);
      if (!row || this.#asked.has(row)) continue;
      if (isIntersecting) this.#wanted.add(row);
      else this.#wanted.delete(row);
    }
    void this.#ask();
  }

  async #ask(): Promise<void> {
    if (this.#isAsking) return;
    this.#isAsking = true;
    for (const row of this.#wanted) {
      this.#wanted.delete(row);
      this.#asked.add(row);
      await this.#askOf(row);
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
    this.#isAsking = false;
  }

  async #askOf(row: Row): Promise<void> {
    const [interval, stepMs, limit] = STEPS[this.#step] ?? ["1m", 60_000, 60];
    try {
      const history = await this.#feed.request({ event: "history", symbol: row.symbol, interval, limit });
      const points = pointsOf(history, stepMs);
      if (points.length < FEWEST && this.#step < STEPS.length - 1) {
        this.#step += 1;
        return await this.#askOf(row);
      }
      row.precede(points, stepMs);
      this.#table.redraw(row);
    } catch {
      // The line then begins with what the page has heard itself; it is asked for again when it comes into sight.
      this.#asked.delete(row);
    }
  }
}

/** A candle's last price stands for its end; the one in progress is told by the quotes. */
export function pointsOf({ candles }: History, stepMs: number): Point[] {
  return candles.map(({ openMs, close }) => [openMs + stepMs - 1, Number(close)]);
}
