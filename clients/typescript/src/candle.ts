/** A candle, and where it comes from. */

/**
 * First, highest, lowest and last `spot` in CAD, every digit of them, of the interval that began at `openMs` (UTC).
 *
 * `ticks` is how many of the feed's own ticks had a price in it: 0 for a candle from an exchange's history, 1 for one that
 * has no range because the feed saw one price only, undefined where the server does not say.
 */
export interface Candle {
  readonly openMs: number;
  readonly open: string;
  readonly high: string;
  readonly low: string;
  readonly close: string;
  readonly ticks?: number | undefined;
}

/** Whether a candle is from an exchange's history, not from the feed's own ticks. */
export function isBackfilled({ ticks }: Candle): boolean {
  return ticks === 0;
}
