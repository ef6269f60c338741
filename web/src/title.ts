/** What a cell shows when the pointer rests on it: the full value behind the text. */

import type { Quote } from "cadfeed-client";
import { difference } from "./decimal.ts";
import type { CellName } from "./row.ts";

export function titleOf(quote: Quote | undefined, name: CellName): string {
  if (!quote) return name === "spot" ? "No source has a price for it now." : "";
  switch (name) {
    case "spread":
      return `${difference(quote.ask, quote.bid)} CAD`;
    case "percent":
      return `${quote.change_pct} %`;
    case "source":
      return `${quote.source}\n${agreementText(quote.sources)}\nClick to see why.`;
    case "age":
      return new Date(quote.ts).toISOString();
    case "trend":
      return "";
    default:
      return `${quote[name]} CAD`;
  }
}

/** How many independent sources agree with the price. */
export function agreementText(sources: number): string {
  return sources > 1 ? `${sources} sources agree` : "Only one source";
}
