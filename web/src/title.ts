/** What a cell shows when the pointer rests on it: the full value behind the text. */

import type { Quote } from "cadfeed-client";
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

/** `ask` minus `bid`, exactly: neither becomes a float. */
export function difference(ask: string, bid: string): string {
  const decimals = Math.max(decimalsOf(ask), decimalsOf(bid));
  const units = scaled(ask, decimals) - scaled(bid, decimals);
  const digits = String(units < 0n ? -units : units).padStart(decimals + 1, "0");
  const whole = digits.slice(0, digits.length - decimals);
  const fraction = digits.slice(digits.length - decimals).replace(/0+$/, "");
  return `${units < 0n ? "-" : ""}${whole}${fraction && `.${fraction}`}`;
}

/** How many independent sources agree with the price. */
export function agreementText(sources: number): string {
  return sources > 1 ? `${sources} sources agree` : "Only one source";
}

function decimalsOf(number: string): number {
  return number.split(".", 2)[1]?.length ?? 0;
}

function scaled(number: string, decimals: number): bigint {
  const [whole = "0", fraction = ""] = number.split(".", 2);
  return BigInt(whole + fraction.padEnd(decimals, "0"));
}
