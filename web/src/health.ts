/** The state of the feed in words, with what to do, and whether the prices shown may be out of date. */

import type { FeedStatus, State } from "cadfeed-client";
import { ageText } from "./format.ts";

export interface Facts {
  readonly state: State;
  readonly isOnline: boolean;
  readonly now: number;
  /** When the last frame came from the feed since the page was opened. */
  readonly lastFrameAt: number | undefined;
  /** When the page lost the connection that brought the prices shown; undefined while it is open. */
  readonly lostAt: number | undefined;
  /** When the next attempt to connect is due. */
  readonly retryAt: number;
  /** The feed counts as quiet after this long without a frame. */
  readonly quietAfterMs: number;
  readonly status: FeedStatus;
  /** There are prices, and all of them are stale. */
  readonly areAllStale: boolean;
  /** The source of the daily exchange rate, if a price shown uses one. */
  readonly dailyRate: string | undefined;
  /** The round trip to the feed, if it is known. */
  readonly roundTripMs: number | undefined;
}

export type Kind = State["link"] | "quiet" | "offline";

export interface Health {
  readonly kind: Kind;
  readonly label: string;
  readonly detail: string;
  /** The prices shown may be out of date. */
  readonly isStale: boolean;
}

/** `source` of a quote through US dollars ends with the source of the rate. */
const DAILY = / x (bank_of_canada|er_api):/;
/** After a shorter break no price is out of date. */
const BRIEF_MS = 2000;
/** The page checks every second, so it marks prices as stale within 5 s. */
const LEAST_QUIET_MS = 4000;
/** A working feed sends a frame at least every 30 s and a tick. */
const MOST_QUIET_MS = 35_000;

const TOKEN_HINT = t`If the feed asks for a token, add #token= and the token to the address.`;

export function healthOf(facts: Facts): Health {
  const { state, isOnline, now, lastFrameAt, lostAt, quietAfterMs } = facts;
  const silence = lastFrameAt === undefined ? 0 : now - lastFrameAt;
  const isLate = facts.status.late;
  const isQuiet = silence >= quietAfterMs;
  const isStale = isLate || isQuiet || (lostAt !== undefined && now - lostAt >= BRIEF_MS);
  const asOf = lastFrameAt === undefined ? "" : t`Prices are ${ageText(silence)} old. `;
  if (state.link === "closed") {
    return {
      kind: "closed",
      label: t`Closed`,
      detail: t`${asOf}${state.reason} Reload the page to try again.`,
      isStale: true,
    };
  }
  if (!isOnline && (state.link !== "live" || silence >= LEAST_QUIET_MS)) {
    const detail = t`${asOf}This device has no network. The page reconnects when it is back.`;
    return { kind: "offline", label: t`Offline`, detail, isStale: true };
  }
  if (state.link === "reconnecting") {
    const seconds = Math.max(0, Math.ceil((facts.retryAt - now) / 1000));
    // A browser does not tell why a handshake was refused.
    const hint = lastFrameAt === undefined ? ` ${TOKEN_HINT}` : "";
    const detail = t`${asOf}${state.reason} If reconnecting does not help, check your network.${hint}`;
    return { kind: "reconnecting", label: t`Reconnecting in ${seconds} s`, detail, isStale };
  }
  // A feed that answers may still have only old prices; its snapshot will show that.
  if (state.link === "connecting" || lastFrameAt === undefined || lostAt !== undefined) {
    return { kind: "connecting", label: t`Connecting`, detail: `${asOf}${state.reason}`, isStale };
  }
  if (isLate) {
    const detail = t`The feed has had no new prices for a while. All prices shown may be out of date.`;
    return { kind: "quiet", label: t`Late`, detail, isStale };
  }
  if (isQuiet) {
    const detail = t`No message for ${ageText(silence)}: prices may be out of date. The page reconnects if this lasts.`;
    return { kind: "quiet", label: t`No updates`, detail, isStale };
  }
  if (facts.areAllStale) {
    const detail = t`No source confirms any price now: all are stale. ${silentText(facts.status)}`.trim();
    return { kind: "quiet", label: t`No updates`, detail, isStale: true };
  }
  if (state.link === "polling") {
    const detail = t`No socket opens: prices come over HTTP, a little later. ${state.reason}`;
    return { kind: "polling", label: t`Polling`, detail, isStale };
  }
  return {
    kind: "live",
    label: t`Live`,
    detail: state.reason || outageText(facts.status) || closedText(facts.dailyRate),
    isStale,
  };
}

/** The time since the last frame, and the round trip to the feed. */
export function pulseText({ lastFrameAt, now, roundTripMs }: Facts): string {
  if (lastFrameAt === undefined) return "";
  const trip = roundTripMs === undefined ? "" : t` · ${Math.round(roundTripMs)} ms`;
  return t`message ${ageText(now - lastFrameAt)} ago${trip}`;
}

/** How many of the sources answer and agree with the others. */
export function sourcesText(status: FeedStatus): string {
  const count = Object.keys(status.sources).length;
  return count ? t`${named(status, "ok").length} of ${count} sources` : "";
}

function outageText(status: FeedStatus): string {
  const texts = [suspectText(status), silentText(status)].filter(Boolean);
  return texts.length ? t`${texts.join(" ")} Other sources replace them where possible.` : "";
}

function silentText(status: FeedStatus): string {
  const names = named(status, "down");
  return names.length ? t`No answer from ${names.join(", ")}.` : "";
}

function suspectText(status: FeedStatus): string {
  const all = named(status, "suspect");
  const names = all.join(t` and `);
  const subject = names.charAt(0).toUpperCase() + names.slice(1);
  if (all.length > 1) return t`${subject} disagree with the others and are left out.`;
  return names && t`${subject} disagrees with the others and is left out.`;
}

/** The source of a daily USD/CAD rate that a price uses, because there was no live rate; undefined if none does. */
export function dailyRateOf(priceSources: Iterable<string>): string | undefined {
  for (const source of priceSources) {
    const daily = DAILY.exec(source)?.[1];
    if (daily) return daily.replaceAll("_", " ");
  }
  return undefined;
}

function closedText(dailyRate: string | undefined): string {
  return dailyRate
    ? t`There is no live US dollar rate; its market may be closed. Some prices use the daily rate (${dailyRate}).`
    : "";
}

/** The sources with this status, by their names for people. */
function named({ sources }: FeedStatus, state: string): string[] {
  return Object.keys(sources)
    .filter((name) => sources[name] === state)
    .map((name) => name.replaceAll("_", " "));
}

/** How long a silence makes a feed quiet after these gaps between its last frames: twice the longest, within bounds. */
export function quietAfter(gapsMs: readonly number[]): number {
  if (!gapsMs.length) return MOST_QUIET_MS;
  return Math.min(MOST_QUIET_MS, Math.max(LEAST_QUIET_MS, 2 * Math.max(...gapsMs)));
}
