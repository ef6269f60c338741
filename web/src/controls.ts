/** The controls of the page: filter, order and favourites. */

import { element } from "./page.ts";
import type { Row } from "./row.ts";
import type { QuoteTable } from "./table.ts";
import type { Column, View } from "./view.ts";
import { COLUMNS, isDescendingFirst, nextSort } from "./view.ts";

export interface Actions {
  readonly view: () => View;
  readonly change: (view: Partial<View>) => void;
  readonly toggleFavourite: (row: Row) => void;
  readonly open: (row: Row) => void;
  readonly explain: (row: Row) => void;
}

const filter = element("filter", HTMLInputElement);
const sorting = element("sort", HTMLSelectElement);
const reverse = element("reverse", HTMLButtonElement);
const favourites = element("favourites", HTMLButtonElement);
const headers = [...document.querySelectorAll<HTMLTableCellElement>("th[data-column]")];

export function bindControls(actions: Actions, table: QuoteTable): void {
  filter.addEventListener("input", () => actions.change({ filter: filter.value }));
  element("controls").addEventListener("submit", (event) => event.preventDefault());
  favourites.addEventListener("click", () => actions.change({ favouritesOnly: !actions.view().favouritesOnly }));
  element("clear").addEventListener("click", () => {
    actions.change({ filter: "", favouritesOnly: false });
    filter.focus();
  });
  for (const header of headers) {
    const column = columnOf(header.dataset["column"]);
    header.addEventListener("click", () => column && actions.change({ sort: nextSort(actions.view().sort, column) }));
  }
  sorting.addEventListener("change", () => {
    const by = columnOf(sorting.value);
    actions.change({ sort: by && { by, descending: isDescendingFirst(by) } });
  });
  reverse.addEventListener("click", () => {
    const { sort } = actions.view();
    if (sort) actions.change({ sort: { ...sort, descending: !sort.descending } });
  });
  const body = element("quotes");
  body.addEventListener("click", ({ target }) => {
    const row = table.rowOf(target);
    const button = target instanceof Element ? target.closest("button") : null;
    if (row && button === row.star) actions.toggleFavourite(row);
    else if (row && button === row.opener) actions.open(row);
    else if (row && button === row.why) actions.explain(row);
  });
}

/** Show the view in the controls themselves. */
export function drawControls({ filter: text, favouritesOnly, sort }: View): void {
  if (filter.value !== text) filter.value = text;
  favourites.setAttribute("aria-pressed", String(favouritesOnly));
  sorting.value = sort?.by ?? "";
  reverse.disabled = !sort;
  for (const header of headers) {
    const isSorted = header.dataset["column"] === sort?.by;
    header.ariaSort = isSorted ? (sort?.descending ? "descending" : "ascending") : "none";
  }
}

/** The name of a column, for screen readers. */
export function columnName(column: Column): string {
  return [...sorting.options].find(({ value }) => value === column)?.text ?? column;
}

function columnOf(text: string | undefined): Column | undefined {
  return COLUMNS.find((column) => column === text);
}
