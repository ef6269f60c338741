/** What a cell shows when the pointer rests on it: the full value behind the text. */

import type { Quote } from "cadfeed-client";
import { difference } from "./decimal.ts";
import { exactText } from "./format.ts";
import type { CellName } from "./row.ts";

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
