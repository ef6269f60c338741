/**
 * The picture of the market: the latest quote of each symbol, whatever the network did to the frames.
 *
 * Frames may be lost, doubled or overtaken. Every quote is the whole state of its symbol and carries `seq`, the tick in
 * which it last changed: per symbol the highest wins.
 */

import type { Quote } from "./messages.ts";

export class Book {
  readonly quotes = new Map<string, Quote>();
  readonly unavailable = new Set<string>();
  /** Per symbol the tick as of which its state is known. */
  readonly #known = new Map<string, number>();
  /** The last tick that listed all symbols, and so told the state of those that it did not list. */
  #listed = -1;

  /** After a new connection: the server may have begun anew, so whatever it says first replaces what is held. */
  startOver(): void {
    this.#known.clear();
    this.#listed = -1;
  }

  /** Quotes of a frame of that tick; those that changed something. */
  take(quotes: readonly Quote[], frameSeq: number): Quote[] {
    return quotes.filter((quote) => this.#takeOne(quote, Math.max(frameSeq, quote.seq)));
  }

  /** Symbols that have no price as of that tick; those that had one, or were not known. */
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

  /** A whole snapshot lists every symbol that there is: the others are dropped, unless a later tick told of them. */
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

  /** Quotes that were stale in that tick; those that were not marked so. */
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

  #takeOne(quote: Quote, tick: number): boolean {
    const { symbol } = quote;
    const held = this.quotes.get(symbol);
    if (tick < this.#asOf(symbol)) return false;
    // With nothing known as of this connection a held quote is an earlier one's: it is replaced by any.
    if (held && this.#known.has(symbol) && isOlder(quote, held)) return false;
    this.#known.set(symbol, tick);
    this.unavailable.delete(symbol);
    this.quotes.set(symbol, quote);
    return !held || !isSame(held, quote);
  }

  #asOf(symbol: string): number {
    return this.#known.get(symbol) ?? this.#listed;
  }
}

function isOlder(one: Quote, other: Quote): boolean {
  return one.seq === other.seq ? one.ts < other.ts : one.seq < other.seq;
}

function isSame(one: Quote, other: Quote): boolean {
  const fields = Object.keys({ ...one, ...other }) as (keyof Quote)[];
  return fields.every((field) => one[field] === other[field]);
}
