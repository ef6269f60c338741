/** One asset in the table. A new quote changes only the cells whose text is different. */

import type { Quote } from "cadfeed-client";
import type { Asset } from "./catalogue.ts";
import * as format from "./format.ts";
import type { Entry } from "./order.ts";
import type { Point } from "./trend.ts";
import { polyline, Trend } from "./trend.ts";
import type { Column } from "./view.ts";
import { COLUMNS } from "./view.ts";

const LINE = { width: 96, height: 22 };
/** A line over hours looks the same a tick later, and takes most of a row's drawing time. */
const LINE_LASTS_MS = 5000;
const NOTHING = "–";
/** The cell has no room for more, whatever a feed says. */
const MOST_DOTS = 6;
const LABELS: Partial<Record<Column, string>> = { bid: t`Bid`, ask: t`Ask`, spread: t`Spread` };
const LEFT: ReadonlySet<Column> = new Set<Column>(["trend", "source"]);
export type CellName = Exclude<Column, "symbol">;

/** A cell and what it shows: reading that from the page takes longer than setting it. */
interface Cell {
  readonly element: HTMLTableCellElement;
  text: Text;
  shown: string;
  sign: number;
}

export class Row implements Entry {
  readonly symbol: string;
  readonly name: string;
  readonly renamedTo: string | undefined;
  readonly element: HTMLTableRowElement;
  readonly star: HTMLButtonElement;
  readonly opener: HTMLButtonElement;
  /** Opens the explanation of the price. */
  readonly why: HTMLButtonElement;
  quote: Quote | undefined;
  readonly #trend = new Trend();
  readonly #cells: Readonly<Record<CellName, Cell>>;
  readonly #line: SVGPolylineElement;
  #lineDrawnAt = Number.NEGATIVE_INFINITY;
  #dots = 0;
  /** The direction of the price in the last tick: -1, 0 or 1. */
  #moved = 0;

  constructor(asset: Asset, template: HTMLTableRowElement) {
    this.symbol = asset.symbol;
    this.name = asset.name;
    this.renamedTo = asset.renamedTo;
    this.element = template.cloneNode(true) as HTMLTableRowElement;
    this.element.dataset["symbol"] = asset.symbol;
    const [star, opener, why] = this.element.querySelectorAll("button");
    const line = this.element.querySelector("polyline");
    if (!star || !opener || !why || !line) throw new Error("the row's template is not complete");
    [this.star, this.opener, this.why, this.#line] = [star, opener, why, line];
    const named = COLUMNS.slice(1).map((column) => {
      const element = this.element.querySelector(`td.${column}`) as HTMLTableCellElement;
      const text = (column === "source" ? why : element).firstChild as Text;
      return [column, { element, text, shown: "", sign: 0 }];
    });
    this.#cells = Object.fromEntries(named) as Record<CellName, Cell>;
    const [base = asset.symbol, counter = ""] = asset.symbol.split("_", 2);
    star.setAttribute("aria-label", t`Favourite ${base}`);
    opener.title = asset.renamedTo ? t`${asset.name}, now ${asset.renamedTo}` : asset.name;
    const texts: Record<string, string> = { b: base, i: `_${counter}`, ".name": asset.name };
    for (const [part, text] of Object.entries(texts)) opener.querySelector(part)?.append(text);
  }

  get rise(): number | undefined {
    return this.#trend.rise;
  }

  /** Take a new quote. `isTick`: the price has just changed; otherwise the quote is from a snapshot. */
  update(quote: Quote, isTick: boolean): void {
    const before = this.quote;
    if (isTick && before) this.#moved = Math.sign(Number(quote.spot) - Number(before.spot));
    this.quote = quote;
    this.#trend.add(quote.ts, Number(quote.spot));
  }

  /** Forget the direction of the last tick; whether there was one. */
  clearMove(): boolean {
    if (!this.#moved) return false;
    this.#moved = 0;
    return true;
  }

  drop(): void {
    this.quote = undefined;
    this.#moved = 0;
  }

  prependTrend(candles: readonly Point[], stepMs: number): void {
    this.#trend.prepend(candles, stepMs);
    this.#lineDrawnAt = Number.NEGATIVE_INFINITY;
  }

  /** `isAlone`: no other source agrees with this price, while the prices of other assets are confirmed. */
  draw(isAlone = false): void {
    const { quote } = this;
    if (!quote) {
      this.#drawNothing();
      return;
    }
    const { bid, ask, spot, change, change_pct: percent, source } = quote;
    this.#set("spot", format.priceText(spot), this.#moved);
    this.#set("bid", format.priceText(bid));
    this.#set("ask", format.priceText(ask));
    this.#set("spread", format.spreadText(format.spreadPercent(bid, ask)));
    this.#set("change", format.changeText(change, spot), format.direction(change));
    this.#set("percent", format.percentText(percent), format.direction(percent));
    this.#set("source", isAlone ? format.onlySourceText(source) : format.sourceText(source));
    this.#drawDots(quote.sources);
    this.element.classList.toggle("stale", quote.stale === true);
    this.element.classList.remove("priceless");
    this.#drawTrend();
  }

  drawAge(now: number): void {
    const { quote } = this;
    if (!quote) return;
    const age = format.ageText(now - quote.ts);
    this.#set("age", quote.stale ? t`stale ${age}` : age);
  }

  /** A dot for each source that agrees. */
  #drawDots(sources: number): void {
    if (this.#dots === sources) return;
    this.#dots = sources;
    this.why.dataset["dots"] = "●".repeat(Math.min(sources, MOST_DOTS));
  }

  #drawTrend(): void {
    const now = performance.now();
    const { rise } = this.#trend;
    if (rise === undefined || now - this.#lineDrawnAt < LINE_LASTS_MS) return;
    this.#lineDrawnAt = now;
    this.#line.setAttribute("points", polyline(this.#trend.points, LINE.width, LINE.height));
    this.#set("trend", "", Math.sign(rise));
  }

  #drawNothing(): void {
    for (const name of COLUMNS.slice(1) as CellName[]) {
      if (name !== "trend") this.#set(name, NOTHING);
    }
    this.#set("spot", t`no price`);
    this.#drawDots(0);
    this.element.classList.remove("stale");
    this.element.classList.add("priceless");
  }

  #set(name: CellName, text: string, sign = 0): void {
    const cell = this.#cells[name];
    if (cell.shown !== text) write(cell, text);
    if (cell.sign === sign) return;
    cell.sign = sign;
    cell.element.setAttribute("data-direction", sign < 0 ? "down" : sign > 0 ? "up" : "");
  }
}

/** Write a text. One of another width gets a new node: in the same node, a browser would count it as a layout shift. */
function write(cell: Cell, text: string): void {
  if (isAsWide(text, cell.shown)) {
    cell.text.data = text;
  } else {
    const node = new Text(text);
    cell.text.replaceWith(node);
    cell.text = node;
    // The style sheet aligns numbers on their decimal points.
    cell.element.dataset["decimals"] = String(text.split(format.DECIMAL, 2)[1]?.length ?? 0);
  }
  cell.shown = text;
}

/** Whether two texts have the same width: they differ in digits only, which are all equally wide. */
function isAsWide(one: string, other: string): boolean {
  return one.replace(/\d/g, "0") === other.replace(/\d/g, "0");
}

/** The template of all rows. It sets the roles, because on a phone rows are laid out as cards, not as a table. */
export function rowTemplate(): HTMLTableRowElement {
  const row = made("tr", { role: "row" });
  const head = made("th", { role: "rowheader", scope: "row", class: "asset" });
  const opener = made("button", { type: "button", class: "open", "aria-haspopup": "dialog" });
  const ticker = made("span", { class: "ticker" });
  ticker.append(made("b"), made("i"));
  opener.append(ticker, made("span", { class: "name" }));
  head.append(made("button", { type: "button", class: "star", "aria-pressed": "false" }), opener);
  row.append(head);
  for (const column of COLUMNS.slice(1)) {
    const cell = made("td", { role: "cell", class: `${column}${LEFT.has(column) ? "" : " number"}` });
    const label = LABELS[column];
    if (label) cell.dataset["label"] = label;
    cell.append(column === "trend" ? lineTemplate() : column === "source" ? whyTemplate() : new Text());
    row.append(cell);
  }
  return row;
}

function whyTemplate(): HTMLButtonElement {
  const button = made("button", { type: "button", class: "explain", "aria-haspopup": "dialog" });
  button.append(new Text());
  return button;
}

function lineTemplate(): SVGSVGElement {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", `0 0 ${LINE.width} ${LINE.height}`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  svg.append(document.createElementNS("http://www.w3.org/2000/svg", "polyline"));
  return svg;
}

function made<T extends keyof HTMLElementTagNameMap>(
  tag: T,
  attributes: Record<string, string> = {},
): HTMLElementTagNameMap[T] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}
