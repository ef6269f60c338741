/** The round trip to the feed, and the error of this device's clock: a ping measures both from time to time. */

import type { Feed } from "cadfeed-client";
import { steadyNow } from "cadfeed-client";

/** The operator pays for two messages per ping. */
const EVERY_MS = 120_000;
/** The first answer on a connection may be that of a function that had to start: the next one tells the round trip. */
const WARM_AFTER_MS = 3000;

export class Clock {
  roundTripMs: number | undefined;
  readonly #feed: Feed;
  #offsetMs = 0;
  #askedAt = Number.NEGATIVE_INFINITY;

  constructor(feed: Feed) {
    this.#feed = feed;
  }

  /** The server's time, in Unix milliseconds. */
  now(): number {
    return steadyNow() + this.#offsetMs;
  }

  /** Send a ping when it is due, or at once if the connection `isNew`. */
  askIfDue(isNew = false): void {
    const at = steadyNow();
    if (!isNew && at - this.#askedAt < EVERY_MS) return;
    this.#askedAt = isNew ? at - EVERY_MS + WARM_AFTER_MS : at;
    void this.#ask(isNew);
  }

  async #ask(isNew: boolean): Promise<void> {
    const sentAt = steadyNow();
    try {
      const { ts } = await this.#feed.request({ event: "ping" });
      const receivedAt = steadyNow();
      const roundTripMs = receivedAt - sentAt;
      this.roundTripMs = isNew ? undefined : roundTripMs;
      this.#offsetMs = offsetOf(ts, receivedAt, roundTripMs);
    } catch {
      this.roundTripMs = undefined;
    }
  }
}

/** What to add to this clock, in ms; 0 if the round trip may explain the difference. */
export function offsetOf(serverTs: number, receivedAt: number, roundTripMs: number): number {
  const offset = serverTs - (receivedAt - roundTripMs / 2);
  return Math.abs(offset) > Math.max(roundTripMs, 1000) ? offset : 0;
}
