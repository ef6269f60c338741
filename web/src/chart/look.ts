/** How a chart is drawn, as the page's address holds it: `chart=1h,line,ETH_CAD`. */

import type { Interval } from "cadfeed-client";

export const INTERVALS: readonly (readonly [Interval, string])[] = [
  ["1m", t`1 minute`],
  ["1h", t`1 hour`],
  ["1d", t`1 day`],
];
export type Style = "candles" | "line";
export const STYLES: readonly (readonly [Style, string])[] = [
  ["candles", t`Candles`],
  ["line", t`Line`],
];

export interface Look {
  readonly interval: Interval;
  readonly style: Style;
  /** The asset that it is compared with; an empty symbol for none. */
  readonly other: string;
}

const FIRST: Look = { interval: "1d", style: "candles", other: "" };

/** The look that a text asks for. What it does not say, or says wrongly, is as in a new chart. */
export function lookOf(text: string): Look {
  const words = text.split(",");
  const chosen = <T extends string>(offered: readonly (readonly [T, string])[], first: T): T =>
    offered.find(([value]) => words.includes(value))?.[0] ?? first;
  return {
    interval: chosen(INTERVALS, FIRST.interval),
    style: chosen(STYLES, FIRST.style),
    other: words.find((word) => word.endsWith("_CAD")) ?? "",
  };
}

/** The text of a look: what differs from that of a new chart. */
export function lookText(look: Look): string {
  const differing = (["interval", "style", "other"] as const).filter((name) => look[name] !== FIRST[name]);
  return differing.map((name) => look[name]).join();
}
