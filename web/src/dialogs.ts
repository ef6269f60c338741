/** The dialogs of the page: charts, explanations, and the visitor's own tools. Each loads its code when it first opens. */

import type { Feed } from "cadfeed-client";
import { element, tell } from "./page.ts";
import type { Row } from "./row.ts";
import type { QuoteTable } from "./table.ts";
import type { View } from "./view.ts";

/** What the dialogs use of the page. */
export interface Page {
  readonly feed: Feed;
  readonly table: QuoteTable;
  readonly favourites: Set<string>;
  readonly view: () => View;
  /** Change the view, and write the address. */
  readonly change: (view: Partial<View>) => void;
  /** Have screen readers read a text. */
  readonly announce: (text: string) => void;
}

/** Open the chart of an asset, as the view says. The address names it while it is open. */
export async function openChart(page: Page, symbol: string): Promise<void> {
  const { feed, table, view, change } = page;
  const row = table.rows.get(symbol);
  if (!row) {
    change({ symbol: undefined });
    return tell(t`There is no asset ${symbol}.`);
  }
  change({ symbol });
  try {
    const { openChart: open } = await import("./chart/index.ts");
    await open({
      symbol,
      name: row.name,
      feed,
      others: table.rows.keys(),
      look: view().chart,
      onLook: (chart) => change({ chart }),
      returnFocusTo: row.opener,
      explain: (button) => explain(page, row, button),
    }).closed;
    // Unless another chart has replaced it.
    if (view().symbol === symbol) change({ symbol: undefined });
  } catch {
    change({ symbol: undefined });
    fail(t`chart`);
  }
}

/** Say why the price of a row is what it is. */
export function explain({ feed }: Page, { symbol, name, why }: Row, returnFocusTo: HTMLElement = why): void {
  import("./why/index.ts")
    .then(({ openWhy }) => openWhy({ symbol, name, feed, returnFocusTo }))
    .catch(() => fail(t`explanation`));
}

/** Open one of the visitor's own tools: the converter, price alerts or settings. */
export function openTool(page: Page, name: string): void {
  const named = element("tools").querySelector(`[value=${name}]`)?.textContent ?? name;
  import("./personal/index.ts").then(({ open }) => open(name, page)).catch(() => fail(named));
}

/** Firefox does not ask again for a module that could not be loaded once, until the page is loaded again. */
function fail(part: string): void {
  tell(t`Not loaded: ${part}. Check your network and reload the page.`);
}
