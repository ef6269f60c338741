/** Which rows a view shows, and in which order. */

import type { Quote } from "cadfeed-client";
import { spreadPercent } from "./format.ts";
import type { Column, Sort, View } from "./view.ts";

/** An asset and what is known of it. */
export interface Entry {
  readonly symbol: string;
  readonly name: string;
  /** The asset's name of today, where that is another. */
  readonly renamedTo?: string | undefined;
  readonly quote?: Quote | undefined;
  /** How far the trend's line has risen, as a share of its beginning. */
  readonly rise?: number | undefined;
}

type Value = string | number | undefined;

/** The entries that a view shows, ordered; those that have no value in the sorted column come last either way. */
export function select<T extends Entry>(entries: readonly T[], view: View, favourites: ReadonlySet<string>): T[] {
  const shown = entries.filter(
    (entry) => (!view.favouritesOnly || favourites.has(entry.symbol)) && matches(entry, view.filter),
  );
  return view.sort ? sorted(shown, view.sort) : shown;
}

/** Every word of the filter is found in the symbol, the name or the name of today. */
export function matches({ symbol, name, renamedTo = "" }: Entry, filter: string): boolean {
  const text = `${symbol} ${name} ${renamedTo}`.toLowerCase();
  return filter.toLowerCase().split(/\s+/).every((word) => text.includes(word));
}

function sorted<T extends Entry>(entries: readonly T[], { by, descending }: Sort): T[] {
  const sign = descending ? -1 : 1;
  const valued = entries.map((entry) => ({ entry, value: valueOf(entry, by) }));
  // `sort` is stable: equal ones stay in the order of the catalogue.
  valued.sort(({ value: one }, { value: other }) => {
    if (one === undefined || other === undefined) return Number(one === undefined) - Number(other === undefined);
    return one === other ? 0 : sign * (one < other ? -1 : 1);
  });
  return valued.map(({ entry }) => entry);
}

function valueOf({ symbol, quote, rise }: Entry, column: Column): Value {
  if (column === "symbol") return symbol;
  if (column === "trend") return rise;
  if (!quote) return undefined;
  switch (column) {
    case "spread":
      return spreadPercent(quote.bid, quote.ask);
    case "percent":
      return Number(quote.change_pct);
    case "age":
      return -quote.ts;
    case "source":
      return quote.source;
    default:
      return Number(quote[column]);
  }
}
