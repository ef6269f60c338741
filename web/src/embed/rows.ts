/** The widget's rows: one for each symbol, in the order of its address, before there are prices. */

import type { Quote } from "cadfeed-client/quote.ts";
import { baseOf } from "../elements.ts";
import { direction, exactText, percentText, priceText } from "../format.ts";

const NOTHING = "–";

export class Rows {
  readonly #cells = new Map<string, HTMLTableCellElement[]>();

  constructor(body: HTMLTableSectionElement, symbols: readonly string[]) {
    for (const symbol of symbols) {
      const row = body.insertRow();
      const head = document.createElement("th");
      head.scope = "row";
      head.textContent = baseOf(symbol);
      row.append(head);
      this.#cells.set(symbol, [row.insertCell(), row.insertCell()]);
    }
    for (const symbol of symbols) this.#drop(symbol, NOTHING);
  }

  /** Show these quotes, and of all other symbols that they have none. `unknown`: the feed has no such assets. */
  show(quotes: readonly Quote[], unknown: readonly string[]): void {
    const told = new Map(quotes.map((quote) => [quote.symbol, quote]));
    for (const symbol of this.#cells.keys()) {
      const quote = told.get(symbol);
      if (quote) this.#set(quote);
      else this.#drop(symbol, unknown.includes(symbol) ? t`no such asset` : t`no price`);
    }
  }

  #set({ symbol, spot, change_pct: percent, stale = false }: Quote): void {
    const [price, change] = this.#cells.get(symbol) ?? [];
    if (!price || !change) return;
    price.textContent = priceText(spot);
    price.title = t`${exactText(spot)} CAD`;
    change.textContent = percentText(percent);
    change.dataset["direction"] = { "-1": "down", "1": "up" }[String(direction(percent))] ?? "";
    price.parentElement?.classList.toggle("stale", stale);
  }

  #drop(symbol: string, text: string): void {
    const [price, change] = this.#cells.get(symbol) ?? [];
    if (!price || !change) return;
    price.textContent = text;
    price.title = "";
    change.textContent = "";
    change.dataset["direction"] = "";
    price.parentElement?.classList.remove("stale");
  }
}
