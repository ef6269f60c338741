/** The texts of the chart. */

import type { Candle, Interval, Quote } from "cadfeed-client";
import { isBackfilled } from "cadfeed-client";
import { changeText, direction, LOCALE, percentText, priceText, spreadPercent, spreadText } from "../format.ts";

/** The chart, in the texts of its failures. */
export const CHART = { name: t`chart`, reads: t`candles` };
const CENTS = 2;
const SIGNIFICANT_DIGITS = 6;
const MOST_DECIMALS = 20;
const PERCENT_DECIMALS = 8;
const ARROWS = ["▼", "=", "▲"];
const DAY = { year: "numeric", month: "2-digit", day: "2-digit", timeZone: "UTC" } as const;
const DAYS = new Intl.DateTimeFormat(LOCALE, DAY);
const TIMES = new Intl.DateTimeFormat(LOCALE, {
  hour: "2-digit",
  minute: "2-digit",
  hourCycle: "h23",
  timeZone: "UTC",
});

/** The number of decimals that shows six significant digits of a price like this one, and at least cents. */
export function decimalsOf(price: string): number {
  const size = Math.abs(Number(price));
  if (!size) return CENTS;
  return Math.min(MOST_DECIMALS, Math.max(CENTS, SIGNIFICANT_DIGITS - 1 - Math.floor(Math.log10(size))));
}

/** The numbers of a quote beside its price, and between what prices the last 24 hours were. */
export function bookText({ bid, ask, change, spot }: Quote, range?: readonly [low: string, high: string]): string {
  const spread = spreadText(spreadPercent(bid, ask));
  const book = t`Bid ${priceText(bid)} · ask ${priceText(ask)} · spread ${spread} · 24 h ${changeText(change, spot)} CAD`;
  return range ? t`${book}, from ${priceText(range[0])} to ${priceText(range[1])}` : book;
}

/** When a candle began, in UTC: `2026-11-22`, with `20:31 UTC` if its interval is shorter than a day. */
export function timeText(openMs: number, interval: Interval): string {
  const day = DAYS.format(openMs);
  return interval === "1d" ? day : `${day} ${TIMES.format(openMs)} UTC`;
}

/** The move from a candle's first price to its last, in percent. A small move is never rounded to 0. */
export function moveText(candle: Candle): string {
  const percent = percentOf(candle);
  return `${arrowOf(percent)} ${percentText(percent)}`;
}

/** The direction of a candle: -1, 0 or 1. */
export function moveOf(candle: Candle): number {
  return direction(percentOf(candle));
}

export function arrowOf(number: string): string {
  return ARROWS[direction(number) + 1] ?? "";
}

/** Where the prices of a candle come from, and whether it has no range because the feed saw one price only. */
export function originText(candle: Candle): string {
  if (isBackfilled(candle)) return t`from the exchange's history`;
  return candle.ticks === 1 ? t`one price only, no range` : t`the feed's own prices`;
}

/** A candle as a sentence, for screen readers. */
export function sentenceOf(candle: Candle, interval: Interval): string {
  const { openMs, open, high, low, close } = candle;
  const [o, h, l, c] = [priceText(open), priceText(high), priceText(low), priceText(close)];
  const origin = isBackfilled(candle) || candle.ticks === 1 ? `, ${originText(candle)}` : "";
  return t`${timeText(openMs, interval)}: open ${o}, high ${h}, low ${l}, close ${c}, ${moveInWords(candle)}${origin}`;
}

function moveInWords(candle: Candle): string {
  const percent = percentOf(candle);
  const size = percentText(percent.replace("-", "")).replace("+", "");
  return [t`down `, t`unchanged`, t`up `][direction(percent) + 1] + (direction(percent) ? size : "");
}

function percentOf({ open, close }: Candle): string {
  const from = Number(open);
  return (from ? ((Number(close) - from) / from) * 100 : 0).toFixed(PERCENT_DECIMALS);
}
