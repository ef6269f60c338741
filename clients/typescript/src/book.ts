/**
 * The picture of the market: the latest quote of each symbol, whatever the network did to the frames.
 *
 * Frames may be lost, doubled or overtaken. Every quote is the whole state of its symbol and carries `seq`, the tick in
 * which it last changed: the highest of a symbol wins.
 */

import type { FeedStatus } from "./messages.ts";
import type { Quote } from "./quote.ts";

/** The server takes no price whose time is further ahead. */
const MOST_AHEAD_MS = 300_000;

export class Book {
  /** The latest quote of each symbol. */
  readonly quotes = new Map<string, Quote>();
  /** The symbols that no source has a price for. */
  readonly unavailable = new Set<string>();
  /** The symbols that were asked for and do not exist. */
  rejected: readonly string[] = [];
  /** What the feed says about itself. */
  status: FeedStatus = { sources: {}, late: false };
  /** The newest tick received. */
  seq = 0;
  /** The server's time of the newest frame. */
  heardTs = 0;
  /** The last tick that told a symbol's state. */
  readonly #known = new Map<string, number>();
  /** The last tick that listed all symbols, and so told the state of those that it did not list. */
  #listed = -1;

  /** After a new connection the server may have started over, so whatever it says first replaces what is held. */
  startOver(): void {
    this.#known.clear();
    this.#listed = -1;
    this.seq = 0;
  }

  /**
   * A frame of this tick has come. What the newest one says about the sources holds. A later one without a status comes
   * from a tick, so the feed is not late. An overtaken one does not count.
   */
  hear({ seq, ts, status }: { readonly seq: number; readonly ts: number; readonly status?: FeedStatus }): void {
    this.seq = Math.max(this.seq, seq);
    if (ts < this.heardTs) return;
    this.status = status ?? (ts > this.heardTs ? { ...this.status, late: false } : this.status);
    this.heardTs = ts;
  }

  /** Take the quotes of a frame of that tick. Returns those that changed something. */
  take(quotes: readonly Quote[], { seq, ts }: { readonly seq: number; readonly ts: number }): Quote[] {
    return quotes.flatMap((quote) => this.#takeOne(quote, Math.max(seq, quote.seq), ts) ?? []);
  }

  /** Take the price from symbols that have none as of that tick. Returns those that had one, or were not known. */
  withdraw(symbols: readonly string[], frameSeq: number): string[] {
    return symbols.filter((symbol) => {
      if (frameSeq < this.#asOf(symbol)) return false;
      this.#known.set(symbol, frameSeq);
      const had = this.quotes.delete(symbol);
      const isNews = had || !this.unavailable.has(symbol);
      this.unavailable.add(symbol);
      return isNews;
    });
  }

  /** A whole snapshot lists every symbol: drop and return the others, unless a later tick had them. */
  keepOnly(listed: ReadonlySet<string>, frameSeq: number): string[] {
    const gone = [...this.quotes.keys(), ...this.unavailable].filter(
      (symbol) => !listed.has(symbol) && this.#asOf(symbol) <= frameSeq,
    );
    for (const symbol of gone) {
      this.quotes.delete(symbol);
      this.unavailable.delete(symbol);
      this.#known.delete(symbol);
    }
    this.#listed = Math.max(this.#listed, frameSeq);
    return gone;
  }

  /** Mark the quotes that were stale in that tick. Returns those that were not marked before. */
  markStale(symbols: readonly string[], frameSeq: number): Quote[] {
    const marked: Quote[] = [];
    for (const symbol of symbols) {
      const held = this.quotes.get(symbol);
      if (!held || held.stale || held.seq > frameSeq) continue;
      const quote = { ...held, stale: true };
      this.quotes.set(symbol, quote);
      marked.push(quote);
    }
    return marked;
  }

  #takeOne(told: Quote, tick: number, frameTs: number): Quote | undefined {
    const { symbol } = told;
    const held = this.quotes.get(symbol);
    if (tick < this.#asOf(symbol)) return undefined;
    // A quote that is held and not known comes from an earlier connection: any quote replaces it.
    const before = this.#known.has(symbol) ? held : undefined;
    if (before && told.seq < before.seq) return undefined;
    const quote = before ? notBefore(before, told, frameTs) : told;
    this.#known.set(symbol, tick);
    this.unavailable.delete(symbol);
    this.quotes.set(symbol, quote);
    return held && isSame(held, quote) ? undefined : quote;
  }

  #asOf(symbol: string): number {
    return this.#known.get(symbol) ?? this.#listed;
  }
}

/** Another market may state an earlier time; the one that was shown stays, unless a wrong clock made it. */
function notBefore({ ts, timestamp }: Quote, told: Quote, frameTs: number): Quote {
  return told.ts < ts && ts <= frameTs + MOST_AHEAD_MS ? { ...told, ts, timestamp } : told;
}

function isSame(one: Quote, other: Quote): boolean {
  const fields = Object.keys({ ...one, ...other }) as (keyof Quote)[];
  return fields.every((field) => one[field] === other[field]);
}
