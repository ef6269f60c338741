/** What the chart says in words. */

import { direction, percentText, priceText } from "../format.ts";
import type { Candle, Interval, State } from "cadfeed-client";
import { RequestError } from "cadfeed-client";

const CENTS = 2;
const SIGNIFICANT_DIGITS = 6;
const MOST_DECIMALS = 20;
const PERCENT_DECIMALS = 8;
const ARROWS = ["▼", "=", "▲"];
const DAY = { year: "numeric", month: "2-digit", day: "2-digit", timeZone: "UTC" } as const;
const DAYS = new Intl.DateTimeFormat("en-CA", DAY);
const TIMES = new Intl.DateTimeFormat("en-CA", { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: "UTC" });

/** Decimals that show six significant digits of a price like this one, and the cents. */
export function decimalsOf(price: string): number {
  const size = Math.abs(Number(price));
  if (!size) return CENTS;
  return Math.min(MOST_DECIMALS, Math.max(CENTS, SIGNIFICANT_DIGITS - 1 - Math.floor(Math.log10(size))));
}

/** The beginning of a candle, in UTC as its interval is: `2026-11-22`, with `20:31 UTC` when it is no whole day. */
export function timeText(openMs: number, interval: Interval): string {
  const day = DAYS.format(openMs);
  return interval === "1d" ? day : `${day} ${TIMES.format(openMs)} UTC`;
}

/** From a candle's first price to its last. A small move is not rounded to none. */
export function moveText(candle: Candle): string {
  const percent = percentOf(candle);
  return `${arrowOf(percent)} ${percentText(percent)}`;
}

/** -1, 0 or 1: as a candle is drawn. */
export function moveOf(candle: Candle): number {
  return direction(percentOf(candle));
}

export function arrowOf(number: string): string {
  return ARROWS[direction(number) + 1] ?? "";
}

/** A candle as a sentence, for who does not see it. */
export function sentenceOf(candle: Candle, interval: Interval): string {
  const { openMs, open, high, low, close } = candle;
  const [o, h, l, c] = [open, high, low, close].map(priceText);
  return `${timeText(openMs, interval)}: open ${o}, high ${h}, low ${l}, close ${c}, ${moveInWords(candle)}`;
}

/** Why there is no chart, and what to do; `again`: whether trying again may help. */
export function failureText(error: unknown): { text: string; again: boolean } {
  if (!(error instanceof RequestError)) {
    return { text: "The chart itself could not be loaded. Check your connection and try again, or reload the page.", again: true };
  }
  switch (error.code) {
    case "disconnected":
      return { text: "There is no connection to the feed. The chart loads by itself as soon as there is one.", again: true };
    case "no_answer":
      return { text: "The feed has not answered in time. Try again.", again: true };
    case "rate_limited":
      return { text: "Too many requests in a short time. Wait a few seconds, then try again.", again: true };
    case "unavailable":
      return { text: "The feed cannot read its candles just now. Try again in a minute.", again: true };
    case "closed":
      return { text: "The feed was closed. Reload the page.", again: false };
    default:
      return { text: `The feed has refused to answer: ${error.message}.`, again: error.retryable };
  }
}

/** How the connection is, where that is worth a word. */
export function linkText({ link }: State): string {
  switch (link) {
    case "live":
      return "";
    case "closed":
      return "The feed was closed: the chart stands still.";
    default:
      return "No connection to the feed: the chart stands still until it is back.";
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
