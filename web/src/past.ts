/** The day before the page was opened, for the trend of each row: one request for all of them. */

import type { Feed, RequestError, Trends } from "cadfeed-client";
import type { Row } from "./row.ts";
import type { QuoteTable } from "./table.ts";
import type { Point } from "./trend.ts";
import { FEWEST_POINTS } from "./trend.ts";

const HOUR_MS = 3_600_000;
/** A feed that has just been started still fetches the past. */
const AGAIN_AFTER_MS = 15_000;
const MOST_REQUESTS = 8;

export class Past {
  readonly #table: QuoteTable;
  readonly #drawn = new Set<Row>();
  #trends: Trends | undefined;
  #requests = 0;

  constructor(table: QuoteTable) {
    this.#table = table;
  }

  /** Ask, and again while the feed has no past for some rows. A line without a past begins with the page's own quotes. */
  async ask(feed: Feed): Promise<void> {
    try {
      this.#trends = await feed.request({ event: "trends" });
      this.draw();
    } catch (error) {
      // An older server does not know the request.
      if (!(error as RequestError).retryable) return;
    }
    if (this.#drawn.size < this.#table.rows.size && ++this.#requests < MOST_REQUESTS)
      setTimeout(() => void this.ask(feed), AGAIN_AFTER_MS);
  }

  /** Draw the past of each row that has none yet. */
  draw(): void {
    for (const row of this.#table.rows.values()) {
      const points = pointsOf(this.#trends, row.symbol);
      // Points an hour apart leave one for all quotes of an hour: with too few of them, no line is drawn for hours.
      if (points.length < FEWEST_POINTS || this.#drawn.has(row)) continue;
      this.#drawn.add(row);
      row.prependTrend(points, HOUR_MS);
      this.#table.redraw(row);
    }
  }
}

/** A symbol's closes, each at the end of its hour. */
export function pointsOf(trends: Trends | undefined, symbol: string): Point[] {
  const { closes = {}, untilMs = 0 } = trends ?? {};
  const row = closes[symbol] ?? [];
  return row
    .map((close, hour) => [untilMs - (row.length - 1 - hour) * HOUR_MS - 1, Number(close)] as const)
    .filter(([, price]) => price);
}
