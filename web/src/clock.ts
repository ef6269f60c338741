/** How far the feed is away, and how wrong this device's clock is: told by a ping now and then. */

import { steadyNow } from "cadfeed-client";
import type { Feed } from "cadfeed-client";

/** Each ping is two messages that the operator pays for. */
const EVERY_MS = 120_000;

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

  /** Ask when it is time to, or `anew`: the connection is another one. */
  look(anew = false): void {
    const at = steadyNow();
    if (!anew && at - this.#askedAt < EVERY_MS) return;
    this.#askedAt = at;
    void this.#ask();
  }

  async #ask(): Promise<void> {
    const sentAt = steadyNow();
    try {
      const { ts } = await this.#feed.request({ event: "ping" });
      const receivedAt = steadyNow();
      this.roundTripMs = receivedAt - sentAt;
      this.#offsetMs = offsetOf(ts, receivedAt, this.roundTripMs);
    } catch {
      this.roundTripMs = undefined;
    }
  }
}

/** What to add to this clock; nothing as long as the way there and back may explain the difference. */
export function offsetOf(serverTs: number, receivedAt: number, roundTripMs: number): number {
  const offset = serverTs - (receivedAt - roundTripMs / 2);
  return Math.abs(offset) > Math.max(roundTripMs, 1000) ? offset : 0;
}
