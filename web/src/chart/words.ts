/** The texts of the chart. */

import type { Candle, Interval, State } from "cadfeed-client";
import { isBackfilled, RequestError } from "cadfeed-client";
import { direction, percentText, priceText } from "../format.ts";

const CENTS = 2;
const SIGNIFICANT_DIGITS = 6;
const MOST_DECIMALS = 20;
const PERCENT_DECIMALS = 8;
const ARROWS = ["▼", "=", "▲"];
const DAY = { year: "numeric", month: "2-digit", day: "2-digit", timeZone: "UTC" } as const;
const DAYS = new Intl.DateTimeFormat("en-CA", DAY);
const TIMES = new Intl.DateTimeFormat("en-CA", {
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
  if (isBackfilled(candle)) return "from the exchange's history";
  return candle.ticks === 1 ? "one price only, no range" : "the feed's own prices";
}

/** A candle as a sentence, for screen readers. */
export function sentenceOf(candle: Candle, interval: Interval): string {
  const { openMs, open, high, low, close } = candle;
  const [o, h, l, c] = [open, high, low, close].map(priceText);
  const origin = isBackfilled(candle) || candle.ticks === 1 ? `, ${originText(candle)}` : "";
  return `${timeText(openMs, interval)}: open ${o}, high ${h}, low ${l}, close ${c}, ${moveInWords(candle)}${origin}`;
}

/** Why there is no chart, and what to do. `again`: trying again may help. */
export function failureText(error: unknown): { text: string; again: boolean } {
  if (!(error instanceof RequestError)) {
    return {
      text: "The chart could not be loaded. Check your network and try again, or reload the page.",
      again: true,
    };
  }
  switch (error.code) {
    case "disconnected":
      return {
        text: "There is no connection to the feed. The chart loads by itself when it is back.",
        again: true,
      };
    case "no_answer":
      return { text: "The feed did not answer in time. Try again.", again: true };
    case "rate_limited":
      return { text: "Too many requests in a short time. Wait a few seconds, then try again.", again: true };
    case "unavailable":
      return { text: "The feed cannot read its candles now. Try again in a minute.", again: true };
    case "closed":
      return { text: "The feed is closed. Reload the page.", again: false };
    default:
      return { text: `The feed refused to answer: ${error.message}.`, again: error.retryable };
  }
}

/** The state of the connection; empty while it works. */
export function linkText({ link }: State): string {
  switch (link) {
    case "live":
      return "";
    case "closed":
      return "The feed is closed: the chart is no longer updated.";
    default:
      return "No connection to the feed: the chart is not updated until it is back.";
  }
}

function moveInWords(candle: Candle): string {
  const percent = percentOf(candle);
  const size = percentText(percent.replace("-", "")).replace("+", "");
  return ["down ", "unchanged", "up "][direction(percent) + 1] + (direction(percent) ? size : "");
}

function percentOf({ open, close }: Candle): string {
  const from = Number(open);
  return (from ? ((Number(close) - from) / from) * 100 : 0).toFixed(PERCENT_DECIMALS);
}
