/** The head of the page: how the feed is, and whether the prices in sight are still true. */

import type { Clock } from "./clock.ts";
import { steadyNow } from "cadfeed-client";
import type { Change, Feed, State } from "cadfeed-client";
import { dailyRateOf, healthOf, pulseText, quietAfter, sourcesText } from "./health.ts";
import type { Facts, Kind } from "./health.ts";
import { element, say } from "./page.ts";

/** So many gaps between two frames tell how often the feed speaks. */
const GAPS = 8;
const ANNOUNCED: Readonly<Record<Kind, string>> = {
  connecting: "Connecting.",
  live: "Live.",
  quiet: "No updates are coming: prices may be out of date.",
  reconnecting: "The connection is lost. Reconnecting.",
  offline: "This device is offline.",
  closed: "The feed is closed.",
};

export class Banner {
  readonly #feed: Feed;
  readonly #clock: Clock;
  readonly #announce: (text: string) => void;
  #retryAt = 0;
  #heardAt: number | undefined;
  #lostAt: number | undefined;
  #gaps: number[] = [];
  #kind: Kind = "connecting";

  constructor(feed: Feed, clock: Clock, announce: (text: string) => void) {
    this.#feed = feed;
    this.#clock = clock;
    this.#announce = announce;
  }

  connected(state: State): void {
    if (state.link === "reconnecting") this.#retryAt = steadyNow() + state.inMs;
    // Before anything has come there is nothing to lose.
    if (state.link !== "live" && this.#heardAt !== undefined) this.#lostAt ??= steadyNow();
    this.draw();
  }

  heard({ isSnapshot, ts }: Change): void {
    // Answers to requests say that the connection is there, not that the prices are.
    if (!ts) return;
    const now = steadyNow();
    // The gap between two connections is none of the feed's.
    if (this.#heardAt !== undefined && this.#lostAt === undefined) {
      this.#gaps = [...this.#gaps.slice(1 - GAPS), now - this.#heardAt];
    }
    this.#heardAt = now;
    if (isSnapshot) this.#lostAt = undefined;
    this.draw();
  }

  draw(): void {
    const facts = this.#facts();
    const { kind, label, detail, isStale } = healthOf(facts);
    const state = element("state");
    if (state.dataset["kind"] !== kind) state.dataset["kind"] = kind;
    say("state", label);
    say("detail", detail);
    say("pulse", kind === "live" ? pulseText(facts) : "");
    say("sources", sourcesText(facts.sources));
    document.body.classList.toggle("out-of-date", isStale && this.#heardAt !== undefined);
    if (kind !== this.#kind) this.#announce(`${ANNOUNCED[kind]} ${kind === "closed" ? detail : ""}`.trim());
    this.#kind = kind;
  }

  #facts(): Facts {
    const quotes = [...this.#feed.quotes.values()];
    return {
      state: this.#feed.state,
      isOnline: navigator.onLine,
      now: steadyNow(),
      heardAt: this.#heardAt,
      lostAt: this.#lostAt,
      retryAt: this.#retryAt,
      quietAfterMs: quietAfter(this.#gaps),
      sources: this.#feed.status,
      areAllStale: quotes.length > 0 && quotes.every(({ stale }) => stale),
      dailyRate: dailyRateOf(quotes.map(({ source }) => source)),
      roundTripMs: this.#clock.roundTripMs,
    };
  }
}
