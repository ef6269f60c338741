/** The head of the page: the state of the feed, and whether the prices shown are up to date. */

import type { Feed, Heard, State } from "cadfeed-client";
import { steadyNow } from "cadfeed-client";
import type { Clock } from "./clock.ts";
import type { Facts, Kind } from "./health.ts";
import { dailyRateOf, healthOf, pulseText, quietAfter, sourcesText } from "./health.ts";
import { element, setText } from "./page.ts";

/** The number of gaps between frames from which the page learns how often frames come. */
const GAPS = 8;
const ANNOUNCED: Readonly<Record<Kind, string>> = {
  connecting: t`Connecting.`,
  live: t`Live.`,
  polling: t`Prices come a little later.`,
  quiet: t`Prices may be out of date.`,
  reconnecting: t`The connection is lost. Reconnecting.`,
  offline: t`This device is offline.`,
  closed: t`The feed is closed.`,
};

export class Banner {
  readonly #feed: Feed;
  readonly #clock: Clock;
  readonly #announce: (text: string) => void;
  #retryAt = 0;
  #lastFrameAt: number | undefined;
  #lostAt: number | undefined;
  #gaps: number[] = [];
  #kind: Kind = "connecting";

  constructor(feed: Feed, clock: Clock, announce: (text: string) => void) {
    this.#feed = feed;
    this.#clock = clock;
    this.#announce = announce;
  }

  linkChanged(state: State): void {
    if (state.link === "reconnecting") this.#retryAt = steadyNow() + state.inMs;
    // Before the first frame there is no price that may become old.
    if (state.link !== "live" && state.link !== "polling" && this.#lastFrameAt !== undefined)
      this.#lostAt ??= steadyNow();
    this.draw();
  }

  received({ isSnapshot, ts }: Heard): void {
    // Answers to requests show that the connection works, not that prices come.
    if (!ts) return;
    const now = steadyNow();
    // The gap between two connections says nothing about the feed.
    if (this.#lastFrameAt !== undefined && this.#lostAt === undefined) {
      this.#gaps = [...this.#gaps.slice(1 - GAPS), now - this.#lastFrameAt];
    }
    this.#lastFrameAt = now;
    if (isSnapshot) this.#lostAt = undefined;
    this.draw();
  }

  draw(): void {
    const facts = this.#facts();
    const { kind, label, detail, isStale } = healthOf(facts);
    const state = element("state");
    if (state.dataset["kind"] !== kind) state.dataset["kind"] = kind;
    setText("state", label);
    setText("detail", detail);
    setText("pulse", kind === "live" ? pulseText(facts) : "");
    setText("sources", facts.lostAt ? "" : sourcesText(facts.status));
    document.body.classList.toggle("out-of-date", isStale && this.#lastFrameAt !== undefined);
    if (kind !== this.#kind) this.#announce(`${ANNOUNCED[kind]} ${kind === "closed" ? detail : ""}`.trim());
    this.#kind = kind;
  }

  #facts(): Facts {
    const { book } = this.#feed;
    const quotes = [...book.quotes.values()];
    return {
      state: this.#feed.state,
      isOnline: navigator.onLine,
      now: steadyNow(),
      lastFrameAt: this.#lastFrameAt,
      lostAt: this.#lostAt,
      retryAt: this.#retryAt,
      quietAfterMs: quietAfter(this.#gaps),
      status: book.status,
      areAllStale: quotes.length > 0 && quotes.every(({ stale }) => stale),
      dailyRate: dailyRateOf(quotes.map(({ source }) => source)),
      roundTripMs: this.#clock.roundTripMs,
    };
  }
}
