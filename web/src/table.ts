/** The table of quotes: one row per symbol, in the order in which they came. */

import type { Quote } from "./feed/index.ts";
import { ageText, changeText, direction, percentText, priceText } from "./prices.ts";

const COLUMNS = ["bid", "ask", "spot", "change", "percent", "age", "source"] as const;
const CLASSES = ["number down", "number", "number up"];

interface Row {
  readonly element: HTMLTableRowElement;
  readonly cells: Readonly<Record<(typeof COLUMNS)[number], HTMLTableCellElement>>;
  quote: Quote;
}

export class QuoteTable {
  readonly #body: HTMLTableSectionElement;
  readonly #rows = new Map<string, Row>();

  constructor(body: HTMLTableSectionElement) {
    this.#body = body;
  }

  get size(): number {
    return this.#rows.size;
  }

  get isSimulated(): boolean {
    return [...this.#rows.values()].some(({ quote }) => quote.simulated);
  }

  /** Show a quote; `flash` when it has just moved. */
  show(quote: Quote, flash: boolean): void {
    const held = this.#rows.get(quote.symbol);
    const isNews = quote.seq !== held?.quote.seq;
    const row = held ?? this.#add(quote);
    row.quote = quote;
    draw(row);
    if (flash && isNews) {
      row.element.classList.remove("moved");
      requestAnimationFrame(() => row.element.classList.add("moved"));
    }
  }

  drop(symbol: string): void {
    this.#rows.get(symbol)?.element.remove();
    this.#rows.delete(symbol);
  }

  showAges(now: number): void {
    for (const { quote, cells } of this.#rows.values()) {
      cells.age.textContent = `${quote.stale ? "stale " : ""}${ageText(now - quote.ts)}`;
    }
  }

  #add(quote: Quote): Row {
    const element = this.#body.insertRow();
    const head = element.appendChild(document.createElement("th"));
    head.scope = "row";
    head.textContent = quote.symbol;
    const cells = Object.fromEntries(COLUMNS.map((name) => [name, element.insertCell()])) as Row["cells"];
    for (const name of COLUMNS) cells[name].className = name === "source" ? "source" : "number";
    const row = { element, cells, quote };
    this.#rows.set(quote.symbol, row);
    return row;
  }
}

function draw({ element, cells, quote }: Row): void {
  for (const side of ["bid", "ask", "spot"] as const) cells[side].textContent = priceText(quote[side]);
  cells.change.textContent = changeText(quote.change, quote.spot);
  cells.percent.textContent = percentText(quote.change_pct);
  cells.change.className = CLASSES[direction(quote.change) + 1] ?? "";
  cells.percent.className = CLASSES[direction(quote.change_pct) + 1] ?? "";
  cells.source.textContent = cells.source.title = quote.source;
  element.classList.toggle("stale", quote.stale === true);
}
