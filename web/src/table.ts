/** The table of all assets: one row each, made before the first quote, shown and ordered by the view. */

import type { Heard } from "cadfeed-client";
import type { Asset } from "./catalogue.ts";
import { select } from "./order.ts";
import { Row, rowTemplate } from "./row.ts";
import { applySetUp } from "./setup.ts";
import type { View } from "./view.ts";

const AGE_STEP_MS = 1000;
/** Half of the rows that most screens show. */
const FIRST_ROWS = 12;
/** If no prices have come after this time, the table shows the other rows without them. */
const SHOW_ALL_AFTER_MS = 3000;

export class QuoteTable {
  readonly rows = new Map<string, Row>();
  readonly #body: HTMLTableSectionElement;
  /** What each new row is made from. */
  readonly template = rowTemplate();
  readonly #changed = new Set<Row>();
  readonly #moved = new Set<Row>();
  /** Which rows the next frame draws; `seen.ts` replaces this. A row that has not changed gets only its age. */
  due = (rows: Row[]): Row[] => rows;
  /** The next frame draws all rows, due or not. */
  #isWhole = true;
  #frame = 0;
  /** The browser's first frame draws the first rows only; the other rows follow in the second frame. */
  #isFirst = true;
  #drawnAt = 0;
  /** Whether some price has several sources; only then is a price with one source marked. */
  #doSomeAgree = false;
  #seq = 0;

  readonly #now: () => number;

  /** `now` returns the server's time, for ages. */
  constructor(body: HTMLTableSectionElement, assets: readonly Asset[], now: () => number) {
    this.#body = body;
    this.#now = now;
    applySetUp(this.template, ...document.querySelectorAll("thead tr"));
    this.list(assets);
    setTimeout(() => this.#showAll(), SHOW_ALL_AFTER_MS);
  }

  /** Keep one row for each of these assets, and for others that have a quote; whether that changed the rows. */
  list(assets: readonly Asset[]): boolean {
    const before = new Set(this.rows.values());
    const listed = new Set(assets.map(({ symbol }) => symbol));
    for (const [symbol, row] of this.rows) {
      if (listed.has(symbol) || row.quote) continue;
      row.element.remove();
      this.rows.delete(symbol);
    }
    for (const asset of assets) if (!this.rows.has(asset.symbol)) this.#add(asset);
    return before.size !== this.rows.size || [...this.rows.values()].some((row) => !before.has(row));
  }

  get isSimulated(): boolean {
    return [...this.rows.values()].some(({ quote }) => quote?.simulated);
  }

  /** Take the changes of tick `seq`; the browser's next frame draws them. */
  apply({ changed, withdrawn, isSnapshot }: Heard, seq: number): void {
    this.#seq = seq;
    this.#isWhole ||= isSnapshot;
    const isTick = !isSnapshot && changed.length > 0;
    if (isTick) for (const row of this.#moved) if (row.clearMove()) this.#changed.add(row);
    if (isTick) this.#moved.clear();
    for (const quote of changed) {
      const row =
        this.rows.get(quote.symbol) ?? this.#add({ symbol: quote.symbol, name: "", renamedTo: quote.renamed_to });
      row.update(quote, isTick);
      this.#changed.add(row);
      if (isTick) this.#moved.add(row);
    }
    for (const symbol of withdrawn) {
      const row = this.rows.get(symbol);
      row?.drop();
      if (row) this.#changed.add(row);
    }
    if (!this.#doSomeAgree && changed.some(({ sources }) => sources > 1)) {
      this.#doSomeAgree = true;
      for (const row of this.rows.values()) this.#changed.add(row);
    }
    this.redraw();
  }

  /** Have the next frame draw what is due, or all rows if the looks of these have changed. */
  redraw(...rows: Row[]): void {
    this.#isWhole ||= rows.length > 0;
    for (const row of rows) this.#changed.add(row);
    this.#frame ||= requestAnimationFrame(() => this.#draw());
  }

  /** Draw all rows at once. */
  drawAll(): void {
    this.#isWhole = true;
    this.#draw();
  }

  /** Draw the ages if no tick has drawn them for a second: a separate frame for them would cost as much again. */
  age(): void {
    if (Math.abs(this.#now() - this.#drawnAt) >= AGE_STEP_MS && !this.#isFirst) this.#drawRest();
  }

  drawFavourites(favourites: ReadonlySet<string>): void {
    for (const { star, symbol } of this.rows.values())
      star.setAttribute("aria-pressed", String(favourites.has(symbol)));
  }

  /** Show the rows of the view in its order, and return their number. Rows that are in place are not moved. */
  arrange(view: View, favourites: ReadonlySet<string>): number {
    const focused = document.activeElement;
    const shown = select([...this.rows.values()], view, favourites);
    const isShown = new Set(shown);
    for (const row of this.rows.values()) {
      if (row.element.hidden === isShown.has(row)) row.element.hidden = !isShown.has(row);
    }
    let next: Element | null = this.#body.firstElementChild;
    for (const { element } of shown) {
      while (next instanceof HTMLElement && next.hidden) next = next.nextElementSibling;
      if (next === element) next = next.nextElementSibling;
      else this.#body.insertBefore(element, next);
    }
    this.#isWhole = true;
    this.redraw();
    // A row that is moved loses the focus.
    if (focused instanceof HTMLElement && focused !== document.activeElement) focused.focus({ preventScroll: true });
    return shown.length;
  }

  /** The row that contains an element of the page. */
  rowOf(target: EventTarget | null): Row | undefined {
    const element = target instanceof Element ? target.closest<HTMLElement>("tr[data-symbol]") : null;
    return this.rows.get(element?.dataset["symbol"] ?? "");
  }

  /** The next shown row above (-1) or below (1). */
  neighbourOf(row: Row, step: number): Row | undefined {
    let element: Element | null = row.element;
    do element = step < 0 ? element.previousElementSibling : element.nextElementSibling;
    while (element instanceof HTMLElement && element.hidden);
    return this.rowOf(element);
  }

  #add(asset: Asset): Row {
    const row = new Row(asset, this.template);
    this.rows.set(asset.symbol, row);
    this.#body.append(row.element);
    return row;
  }

  #draw(): void {
    this.#frame = 0;
    // `subscribed` comes before the first prices.
    if (this.#isFirst && !this.#changed.size) return;
    if (this.#isFirst) {
      this.#isFirst = false;
      this.#drawRows(this.#firstRows());
      this.redraw();
      return;
    }
    this.#drawRest();
    this.#body.dataset["seq"] = String(this.#seq);
  }

  #drawRest(): void {
    const rows = [...this.rows.values()];
    this.#drawRows(this.#isWhole ? rows : this.due(rows));
    this.#isWhole = false;
    this.#showAll();
  }

  #drawRows(rows: readonly Row[]): void {
    this.#drawnAt = this.#now();
    for (const row of rows) {
      if (this.#changed.delete(row)) row.draw(this.#doSomeAgree && row.quote?.sources === 1);
      row.drawAge(this.#drawnAt);
    }
  }

  #firstRows(): Row[] {
    const shown = [...this.#body.rows].filter(({ hidden }) => !hidden).slice(0, FIRST_ROWS);
    return shown
      .map((element) => this.rowOf(element))
      .filter((row) => row !== undefined && this.#changed.has(row)) as Row[];
  }

  #showAll(): void {
    this.#body.classList.remove("first-rows-only");
  }
}
