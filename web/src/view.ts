/** The view of the user: filter, order and open chart, as the page's address holds them. */

export const COLUMNS = [
  "symbol",
  "spot",
  "bid",
  "ask",
  "spread",
  "change",
  "percent",
  "trend",
  "age",
  "source",
] as const;
export type Column = (typeof COLUMNS)[number];

export interface Sort {
  readonly by: Column;
  readonly descending: boolean;
}

export interface View {
  readonly filter: string;
  readonly favouritesOnly: boolean;
  /** Without one, the rows are in catalogue order. */
  readonly sort: Sort | undefined;
  /** The asset whose chart is open, and how charts are drawn, if not as a new one. */
  readonly symbol: string | undefined;
  readonly chart: string;
}

/** These columns are first sorted upwards: words from A, ages from the youngest. Numbers begin with the highest. */
const ASCENDING_FIRST: ReadonlySet<Column> = new Set<Column>(["symbol", "age", "source"]);

/** The view that an address asks for: `?symbol=BTC_CAD&chart=1h,line&sort=change&filter=bit&favourites=1`. */
export function viewOf(query: string): View {
  const asked = new URLSearchParams(query);
  const by = COLUMNS.find((column) => column === asked.get("sort"));
  const order = asked.get("order");
  return {
    filter: asked.get("filter") ?? "",
    favouritesOnly: asked.get("favourites") === "1",
    sort: by && { by, descending: order ? order === "desc" : isDescendingFirst(by) },
    symbol: asked.get("symbol")?.toUpperCase() || undefined,
    chart: asked.get("chart") ?? "",
  };
}

/** The query of a view's address, with its question mark; empty for the default view. `more` follows: a link's set-up. */
export function queryOf({ filter, favouritesOnly, sort, symbol, chart }: View, more = ""): string {
  const query = new URLSearchParams();
  if (symbol) query.set("symbol", symbol);
  if (symbol && chart) query.set("chart", chart);
  if (sort) query.set("sort", sort.by);
  if (sort && sort.descending !== isDescendingFirst(sort.by)) query.set("order", sort.descending ? "desc" : "asc");
  if (filter) query.set("filter", filter);
  if (favouritesOnly) query.set("favourites", "1");
  const text = [String(query), more].filter(Boolean).join("&");
  return text && `?${text}`;
}

/** The order after another click on a column's header: the column's first direction, the other one, then none. */
export function nextSort(sort: Sort | undefined, by: Column): Sort | undefined {
  const first = isDescendingFirst(by);
  if (sort?.by !== by) return { by, descending: first };
  return sort.descending === first ? { by, descending: !first } : undefined;
}

export function isDescendingFirst(column: Column): boolean {
  return !ASCENDING_FIRST.has(column);
}
