/** What the page says of the feed's state: in words, with what to do, and whether the prices in sight are still true. */

import type { SourceStatus, State } from "cadfeed-client";
import { ageText } from "./format.ts";

export interface Facts {
  readonly state: State;
  readonly isOnline: boolean;
  readonly now: number;
  /** When something last came from the feed, in this session of the page. */
  readonly heardAt: number | undefined;
  /** When the connection was lost that brought the prices in sight; nothing when it still stands. */
  readonly lostAt: number | undefined;
  /** When the next attempt to connect is due. */
  readonly retryAt: number;
  /** A silence of this length is none of a feed as it was of late. */
  readonly quietAfterMs: number;
  readonly sources: SourceStatus;
  /** There are prices, and no source confirms one of them any more. */
  readonly areAllStale: boolean;
  /** The source of a price in sight that rests on a daily exchange rate, if one does. */
  readonly dailyRate: string | undefined;
  /** The way to the feed and back. */
  readonly roundTripMs: number | undefined;
}

/** A key of the status that is no source. */
const FEED = "feed";

export type Kind = State["link"] | "quiet" | "offline";

export interface Health {
  readonly kind: Kind;
  readonly label: string;
  readonly detail: string;
  /** The prices in sight may be out of date. */
  readonly isStale: boolean;
}

/** A price through US dollars names the rate's source last. */
const DAILY = / x (bank_of_canada|er_api):/;
/** A connection that is back so soon has left nothing stale. */
const BRIEF_MS = 2000;
/** With the second between two looks, a price looks stale within 5 s. */
const LEAST_QUIET_MS = 4000;
/** The feed is never silent for longer than 30 s and a tick. */
const MOST_QUIET_MS = 35_000;

export function healthOf(facts: Facts): Health {
  const { state, isOnline, now, heardAt, lostAt, quietAfterMs } = facts;
  const silence = heardAt === undefined ? 0 : now - heardAt;
  const isLate = facts.sources[FEED] === "late";
  const isQuiet = silence >= quietAfterMs;
  const isStale = isLate || isQuiet || (lostAt !== undefined && now - lostAt >= BRIEF_MS);
  const asOf = heardAt === undefined ? "" : `Prices are ${ageText(silence)} old. `;
  if (state.link === "closed") {
    return { kind: "closed", label: "Closed", detail: `${asOf}${state.reason} Reload the page to try again.`, isStale: true };
  }
  if (!isOnline && (state.link !== "live" || silence >= LEAST_QUIET_MS)) {
    const detail = `${asOf}This device has no network: the page connects again when it is back.`;
    return { kind: "offline", label: "Offline", detail, isStale: true };
  }
  if (state.link === "reconnecting") {
    const seconds = Math.max(0, Math.ceil((facts.retryAt - now) / 1000));
    const detail = `${asOf}${state.reason} If trying again does not help, check your network.`;
    return { kind: "reconnecting", label: `Reconnecting in ${seconds} s`, detail, isStale };
  }
  // A feed that answers may still have only old prices to tell: its snapshot says so.
  if (state.link === "connecting" || heardAt === undefined || lostAt !== undefined) {
    return { kind: "connecting", label: "Connecting", detail: `${asOf}${state.reason}`, isStale };
  }
  if (isLate) {
    const detail = "The feed has read no prices for a while: all in sight may be out of date. New ones come as soon as it does.";
    return { kind: "quiet", label: "Late", detail, isStale };
  }
  if (isQuiet) {
    const detail = `Nothing was heard for ${ageText(silence)}: prices may be out of date. The page reconnects if it lasts.`;
    return { kind: "quiet", label: "No updates", detail, isStale };
  }
  if (facts.areAllStale) {
    const detail = `No source confirms a price any more: all are stale. ${silentText(facts.sources)}`.trim();
    return { kind: "quiet", label: "No updates", detail, isStale: true };
  }
  return { kind: "live", label: "Live", detail: state.reason || outageText(facts.sources) || closedText(facts.dailyRate), isStale };
}

/** How fresh and how far away the feed is. */
export function pulseText({ heardAt, now, roundTripMs }: Facts): string {
  if (heardAt === undefined) return "";
  const trip = roundTripMs === undefined ? "" : ` · ${Math.round(roundTripMs)} ms`;
  return `heard ${ageText(now - heardAt)} ago${trip}`;
}

/** How many of the sources answer, and agree with each other. */
export function sourcesText(sources: SourceStatus): string {
  const { [FEED]: _, ...states } = sources;
  const count = Object.keys(states).length;
  return count ? `${named(states, "ok").length} of ${count} sources` : "";
}

function outageText(sources: SourceStatus): string {
  const texts = [suspectText(sources), silentText(sources)].filter(Boolean);
  return texts.length ? `${texts.join(" ")} Other sources serve where they can.` : "";
}

function silentText(sources: SourceStatus): string {
  const names = named(sources, "down");
  return names.length ? `Without an answer: ${names.join(", ")}.` : "";
}

function suspectText(sources: SourceStatus): string {
  const names = named(sources, "suspect").join(" and ");
  const [disagrees, is] = names.includes(" and ") ? ["disagree", "are"] : ["disagrees", "is"];
  return names && `${names.charAt(0).toUpperCase()}${names.slice(1)} ${disagrees} with the others and ${is} left out.`;
}

/** The way from US to Canadian dollars by a rate of the day: no live market of the two said anything. */
export function dailyRateOf(priceSources: Iterable<string>): string | undefined {
  for (const source of priceSources) {
    const daily = DAILY.exec(source)?.[1];
    if (daily) return daily.replaceAll("_", " ");
  }
  return undefined;
}

function closedText(dailyRate: string | undefined): string {
  return dailyRate
    ? `There is no live rate of the US dollar, as when its market is closed: some prices use the daily one (${dailyRate}).`
    : "";
}

/** The sources that are so, as people call them. */
function named(sources: SourceStatus, state: string): string[] {
  return Object.keys(sources).filter((name) => sources[name] === state).map((name) => name.replaceAll("_", " "));
}

/** After what silence a feed that spoke with these gaps of late is quiet: twice the longest, within bounds. */
export function quietAfter(gapsMs: readonly number[]): number {
  if (!gapsMs.length) return MOST_QUIET_MS;
  return Math.min(MOST_QUIET_MS, Math.max(LEAST_QUIET_MS, 2 * Math.max(...gapsMs)));
}
