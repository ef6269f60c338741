/** The rows that a view shows, and their order. */

import type { Quote } from "cadfeed-client";
import { spreadPercent } from "./format.ts";
import type { Column, Sort, View } from "./view.ts";

/** An asset with its quote and its trend. */
export interface Entry {
  readonly symbol: string;
  readonly name: string;
  /** The symbol of the asset's new name, if it has one. */
  readonly renamedTo?: string | undefined;
  readonly quote?: Quote | undefined;
  /** The rise of the trend's line, as a fraction of its first price. */
  readonly rise?: number | undefined;
}

type Value = string | number | undefined;

/**
 * The entries that a view shows, in order. Entries without a value in the sorted column always come last. Without a sorted
 * column, favourites come first.
 */
export function select<T extends Entry>(entries: readonly T[], view: View, favourites: ReadonlySet<string>): T[] {
  const shown = entries.filter(
    (entry) => (!view.favouritesOnly || favourites.has(entry.symbol)) && matches(entry, view.filter),
  );
  const rank = ({ symbol }: T): number => Number(!favourites.has(symbol));
  return view.sort ? sorted(shown, view.sort) : shown.sort((one, other) => rank(one) - rank(other));
}

/** Whether every word of the filter is in the asset, its name or its new one. A part of the currency says nothing: all
 * symbols end with it. */
export function matches({ symbol, name, renamedTo = "" }: Entry, filter: string): boolean {
  const symbols = `${symbol} ${renamedTo}`.toLowerCase();
  const text = `${symbols.replace(/_\w*/g, "")} ${name.toLowerCase()}`;
  return filter
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word) || (symbols.includes(word) && /_|^cad$/.test(word)));
}

function sorted<T extends Entry>(entries: readonly T[], { by, descending }: Sort): T[] {
  const sign = descending ? -1 : 1;
  const valued = entries.map((entry) => ({ entry, value: valueIn(entry, by) }));
  // `sort` is stable: equal entries stay in catalogue order.
  valued.sort(({ value: one }, { value: other }) => {
    if (one === undefined || other === undefined) return Number(one === undefined) - Number(other === undefined);
    return one === other ? 0 : sign * (one < other ? -1 : 1);
  });
  return valued.map(({ entry }) => entry);
}

function valueIn({ symbol, quote, rise }: Entry, column: Column): Value {
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
