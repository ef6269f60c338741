/** What a cell shows when the pointer rests on it: the full value behind the text. */

import type { Feed, Quote } from "cadfeed-client";
import { difference } from "./decimal.ts";
import { exactText } from "./format.ts";
import { element } from "./page.ts";
import type { CellName } from "./row.ts";
import type { QuoteTable } from "./table.ts";
import { COLUMNS } from "./view.ts";

/** Keep the title of the cell under the pointer right; no other cell needs one. */
export function showTitles(feed: Feed, table: QuoteTable): void {
  let cell: HTMLTableCellElement | null = null;
  const show = (): void => {
    const name = COLUMNS.find((column): column is CellName => cell?.classList.contains(column) ?? false);
    const symbol = table.rowOf(cell)?.symbol;
    if (cell && name && symbol) cell.title = titleOf(feed.book.quotes.get(symbol), name);
  };
  const body = element("quotes");
  body.addEventListener("pointerover", ({ target }) => {
    cell = target instanceof Element ? target.closest("td") : null;
    show();
  });
  body.addEventListener("pointerleave", () => (cell = null));
  feed.observe({ onHeard: show });
}

export function titleOf(quote: Quote | undefined, name: CellName): string {
  if (!quote) return name === "spot" ? t`No source has a price for it now.` : "";
  switch (name) {
    case "spread":
      return t`${exactText(difference(quote.ask, quote.bid))} CAD`;
    case "percent":
      return `${exactText(quote.change_pct)} %`;
    case "source":
      return t`${quote.source}\n${agreementText(quote.sources)}\nClick to see why.`;
    case "age":
      return new Date(quote.ts).toISOString();
    case "trend":
      return "";
    default:
      return t`${exactText(quote[name])} CAD`;
  }
}

/** How many independent sources agree with the price. */
export function agreementText(sources: number): string {
  return sources > 1 ? t`${sources} sources agree` : t`Only one source`;
}
