/** Price alerts: kept in this browser, looked at with each tick while the page is open. */

import type { Feed, Quote } from "cadfeed-client";
import { compare } from "../decimal.ts";
import { ALERTS, keep, kept } from "../kept.ts";

export interface Alert {
  readonly symbol: string;
  readonly when: "above" | "below";
  /** In CAD. */
  readonly price: string;
  /** When it was reached, in Unix milliseconds, and at which price. */
  readonly reached?: { readonly ts: number; readonly spot: string };
}

export const MOST_ALERTS = 50;

/** The alerts that this browser keeps. What cannot be read is left out. */
export function storedAlerts(): Alert[] {
  try {
    const stored: unknown = JSON.parse(kept(ALERTS));
    return Array.isArray(stored) ? stored.filter(isAlert).slice(0, MOST_ALERTS) : [];
  } catch {
    // There are none, or something else is there.
    return [];
  }
}

/** Whether a price reaches an alert. A stale one says nothing about now. */
export function isReached({ when, price, reached }: Alert, { spot, stale }: Quote): boolean {
  return !reached && !stale && compare(spot, price) !== (when === "above" ? -1 : 1);
}

/** Look at each tick; `onReached` is called once for an alert, with what has been kept already. */
export class Watch {
  #alerts = storedAlerts();
  readonly #feed: Feed;
  readonly #onReached: (alert: Alert) => void;

  constructor(feed: Feed, onReached: (alert: Alert) => void) {
    [this.#feed, this.#onReached] = [feed, onReached];
    feed.observe({ onHeard: ({ changed }) => this.#look(changed) });
    // Another tab of the page has changed them.
    addEventListener("storage", ({ key }) => {
      if (key === ALERTS) this.#alerts = storedAlerts();
    });
    this.#look(feed.book.quotes.values());
  }

  get alerts(): readonly Alert[] {
    return this.#alerts;
  }

  /** Replace the alerts, and look at them; whether the browser keeps them. */
  set(alerts: readonly Alert[]): boolean {
    this.#alerts = [...alerts];
    const isKept = keep(ALERTS, JSON.stringify(alerts));
    this.#look(this.#feed.book.quotes.values());
    return isKept;
  }

  #look(quotes: Iterable<Quote>): void {
    if (this.#alerts.every(({ reached }) => reached)) return;
    const reached = new Map<number, Alert>();
    for (const quote of quotes) {
      for (const [index, alert] of this.#alerts.entries()) {
        if (alert.symbol !== quote.symbol || !isReached(alert, quote)) continue;
        reached.set(index, { ...alert, reached: { ts: quote.ts, spot: quote.spot } });
      }
    }
    if (!reached.size) return;
    this.#alerts = this.#alerts.map((alert, index) => reached.get(index) ?? alert);
    oneTab(() => {
      const stored = storedAlerts();
      keep(ALERTS, JSON.stringify(this.#alerts));
      for (const [index, alert] of reached) if (!isTold(stored[index], alert)) this.#onReached(alert);
    });
  }
}

/** Do something while no other tab of the page does it, where the browser can: the first one keeps what it told. */
function oneTab(act: () => void): void {
  if (globalThis.navigator?.locks) void navigator.locks.request(ALERTS, act);
  else act();
}

/** Whether what is stored is this alert, and another tab has told it. */
function isTold(stored: Alert | undefined, { symbol, when, price }: Alert): boolean {
  return Boolean(stored?.reached) && stored?.symbol === symbol && stored.when === when && stored.price === price;
}

function isAlert(value: unknown): value is Alert {
  const { symbol, when, price, reached } = (value ?? {}) as Partial<Alert>;
  const isWhole = reached === undefined || (typeof reached?.ts === "number" && isPrice(reached.spot));
  return typeof symbol === "string" && (when === "above" || when === "below") && isPrice(price) && isWhole;
}

function isPrice(text: unknown): boolean {
  return typeof text === "string" && /^\d+(?:\.\d+)?$/.test(text);
}
