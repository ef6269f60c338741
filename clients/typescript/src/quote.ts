/** A quote, and what a frame must have to carry one. */

import { isFields, isNumberText, isWhole } from "./fields.ts";

/** The whole state of a symbol. Prices have all their digits; `Number(quote.spot)` where a float will do. */
export interface Quote {
  readonly symbol: string;
  /** Unix time of the price, in seconds and in milliseconds. */
  readonly timestamp: number;
  readonly ts: number;
  readonly bid: string;
  readonly ask: string;
  readonly spot: string;
  /** Over the last 24 hours, in CAD and in percent. */
  readonly change: string;
  readonly change_pct: string;
  /** The tick in which it last changed: the highest of a symbol is right. */
  readonly seq: number;
  readonly source: string;
  /** How many independent sources agree with the price, its own included; 1 where the server does not say. */
  readonly sources: number;
  readonly renamed_to?: string;
  /** No source has confirmed the price for a while. */
  readonly stale?: boolean;
  /** Not the live market's price. */
  readonly simulated?: boolean;
}

export function isQuote(value: unknown): value is Omit<Quote, "sources"> & Partial<Quote> {
  if (!isFields(value)) return false;
  const { symbol, timestamp, ts, bid, ask, spot, change, change_pct: changePct, seq, source } = value;
  const { sources = 1, renamed_to: renamedTo = "", stale = false, simulated = false } = value;
  return (
    [bid, ask, spot, change, changePct].every(isNumberText) &&
    [timestamp, ts, seq, sources].every(isWhole) &&
    [symbol, source, renamedTo].every((text) => typeof text === "string") &&
    [stale, simulated].every((flag) => typeof flag === "boolean")
  );
}
