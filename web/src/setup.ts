/**
 * How the visitor set up the page: theme, rows, decimals and columns. This browser keeps it. A link may carry another
 * set-up, also with favourites, for its own visits: what this browser keeps stays as it is.
 */

import { useDecimals } from "./format.ts";
import { kept } from "./kept.ts";
import type { Column } from "./view.ts";
import { COLUMNS } from "./view.ts";

export const LOOKS = ["theme", "rows", "decimals", "columns", "lang"];
export const STARS = "stars";
export const KEY = "cadfeed.setup";

const asked = new URLSearchParams(location.search);
for (const name of [...asked.keys()]) if (name !== STARS && !LOOKS.includes(name)) asked.delete(name);

/** The set-up of a link; without one, that of this browser. */
export const isLinked = asked.size > 0;
export const setUp = isLinked ? asked : new URLSearchParams(kept(KEY));

/** The columns that are shown, in their order. The asset always comes before them. */
export function shownColumns(): Column[] {
  const wanted = setUp.get("columns")?.split(",") ?? [];
  const known = COLUMNS.slice(1).filter((column) => wanted.includes(column));
  return known.length ? known.sort((one, other) => wanted.indexOf(one) - wanted.indexOf(other)) : COLUMNS.slice(1);
}

/** Show the set-up, and put the cells of these rows in its order; those of hidden columns come last. */
export function applySetUp(...rows: Element[]): void {
  const { dataset } = document.documentElement;
  const shown = shownColumns();
  const hidden = COLUMNS.slice(1).filter((column) => !shown.includes(column));
  dataset["theme"] = setUp.get("theme") ?? "";
  dataset["rows"] = setUp.get("rows") ?? "";
  dataset["hidden"] = hidden.join(" ");
  useDecimals(setUp.get("decimals"));
  for (const row of rows)
    for (const column of [...shown, ...hidden])
      row.append(row.querySelector(`td.${column}, [data-column=${column}]`) ?? "");
}
