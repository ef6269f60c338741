/** The page at the feed's address: follows the feed and shows every quote. */

import { Banner } from "./banner.ts";
import { CATALOGUE, catalogueOf } from "./catalogue.ts";
import { Clock } from "./clock.ts";
import { columnName, drawControls, listen } from "./controls.ts";
import { storedFavourites, storeFavourites } from "./favourites.ts";
import { Feed, steadyNow } from "cadfeed-client";
import type { Change, State } from "cadfeed-client";
import { prepare } from "./format.ts";
import { element, say } from "./page.ts";
import { Past } from "./past.ts";
import type { Row } from "./row.ts";
import { QuoteTable } from "./table.ts";
import { queryOf, viewOf } from "./view.ts";
import type { View } from "./view.ts";

/** Rows that trade places more often than that cannot be read. */
const REORDER_MS = 2000;
/** A row that is about to be pressed stays where it is. */
const HOLD_MS = 3000;
/** Who types hears the count when done, not at each letter. */
const ANNOUNCE_MS = 600;

/** The first prices are drawn by then. */
const MORE_AFTER_MS = 500;

const favourites = storedFavourites();
let hasPrices = false;
let view = viewOf(location.search);
let pointedAt = 0;
let orderedAt = 0;
let announcement: ReturnType<typeof setTimeout> | undefined;

// Before anything else: its connection is made while the table is.
const feed = new Feed(`${location.protocol === "http:" ? "ws" : "wss"}://${location.host}/markets/ws/`, {
  onState: showState,
  onChange: showChange,
});
const clock = new Clock(feed);
const table = new QuoteTable(element("quotes", HTMLTableSectionElement), CATALOGUE, () => clock.now());
table.drawFavourites(favourites);
const banner = new Banner(feed, clock, announce);
const past = new Past(feed, table);

listen({ view: () => view, change, toggleFavourite, open: ({ symbol }) => void openChart(symbol) }, table);
for (const moved of ["pointermove", "wheel"]) element("quotes").addEventListener(moved, () => (pointedAt = steadyNow()), { passive: true });
for (const news of ["online", "offline"]) addEventListener(news, () => banner.draw());
addEventListener("online", () => feed.hasten());
document.addEventListener("visibilitychange", tick);
drawControls(view);
arrange();
banner.draw();
setInterval(tick, 1000);
if (view.symbol) void openChart(view.symbol);

function showState(state: State): void {
  banner.connected(state);
  if (state.link !== "live") return;
  clock.look(true);
  // The snapshot is on its way.
  prepare();
}

function showChange(news: Change): void {
  table.apply(news, feed.seq);
  const isFirst = news.isSnapshot && !hasPrices;
  if (isFirst) setTimeout(askForMore, MORE_AFTER_MS);
  hasPrices ||= isFirst;
  banner.heard(news);
  element("simulated").hidden = !table.isSimulated;
  const now = steadyNow();
  const isHeld = now - pointedAt < HOLD_MS || element("quotes").contains(document.activeElement);
  if (view.sort && (isFirst || (!isHeld && now - orderedAt >= REORDER_MS))) arrange();
}

/** What the first prices need not wait for. */
function askForMore(): void {
  past.watch();
  void feed.request({ event: "assets" }).then(
    (listed) => {
      if (!table.list(catalogueOf(listed))) return;
      past.watch();
      arrange();
    },
    () => undefined, // The rows of the build are those of the feed, unless one is newer than the other.
  );
}

function tick(): void {
  if (document.hidden) return;
  if (feed.state.link === "live") clock.look();
  banner.draw();
  table.age();
}

function change(wanted: Partial<View>): void {
  const before = view;
  view = { ...view, ...wanted };
  history.replaceState(null, "", queryOf(view) || location.pathname);
  drawControls(view);
  const shown = arrange();
  if (view.sort !== before.sort) announce(sortText());
  else if (view.filter !== before.filter || view.favouritesOnly !== before.favouritesOnly) announce(countText(shown));
}

function arrange(): number {
  orderedAt = steadyNow();
  const shown = table.arrange(view, favourites);
  say("count", countText(shown));
  element("empty").hidden = shown > 0;
  if (!shown) say("empty-text", view.filter ? `No asset matches “${view.filter}”.` : "No favourites yet: mark some with the star.");
  return shown;
}

function toggleFavourite({ symbol }: Row): void {
  if (!favourites.delete(symbol)) favourites.add(symbol);
  storeFavourites(favourites);
  table.drawFavourites(favourites);
  if (view.favouritesOnly) arrange();
}

async function openChart(symbol: string): Promise<void> {
  const row = table.rows.get(symbol);
  if (!row) return announce(`There is no ${symbol}.`);
  change({ symbol });
  try {
    const { openChart: open } = await import("./chart/index.ts");
    await open({ symbol, name: row.name, feed, returnFocusTo: row.opener }).closed;
    // Not when it made place for another one.
    if (view.symbol === symbol) change({ symbol: undefined });
  } catch {
    change({ symbol: undefined });
    announce("The chart could not be loaded: check the network and try again.");
  }
}

function countText(shown: number): string {
  return shown === table.rows.size ? `${shown} assets` : `${shown} of ${table.rows.size} assets`;
}

function sortText(): string {
  const { sort } = view;
  return sort ? `Sorted by ${columnName(sort.by)}, ${sort.descending ? "descending" : "ascending"}.` : "In the order of the catalogue.";
}

/** Read out to those who listen to the page: of several in a row only the last. */
function announce(text: string): void {
  clearTimeout(announcement);
  announcement = setTimeout(() => say("announcer", text), ANNOUNCE_MS);
}
