/** The page at the feed's address: follows the feed and shows every quote. */

import type { Heard, State } from "cadfeed-client";
import { Feed, steadyNow } from "cadfeed-client";
import { Banner } from "./banner.ts";
import { CATALOGUE } from "./catalogue.ts";
import { Clock } from "./clock.ts";
import { bindControls, columnName, drawControls } from "./controls.ts";
import type { Page } from "./dialogs.ts";
import { storedFavourites, storeFavourites } from "./favourites.ts";
import { prepare } from "./format.ts";
import { element, feedAddress, setText, tell } from "./page.ts";
import type { Row } from "./row.ts";
import { isLinked, setUp } from "./setup.ts";
import { QuoteTable } from "./table.ts";
import { takeToken } from "./token.ts";
import type { View } from "./view.ts";
import { queryOf, viewOf } from "./view.ts";

/** Rows that change places more often cannot be read. */
const REORDER_MS = 2000;
/** The rows keep their order for this long after the pointer or the focus moved in them: a click hits the right row. */
const HOLD_MS = 3000;
/** A screen reader reads the count when typing has stopped, not at each letter. */
const ANNOUNCE_MS = 600;

const favourites = storedFavourites();
let hasPrices = false;
let view = viewOf(location.search);
let heldAt = 0;
let orderedAt = 0;
/** Other rows are favourites now: they change places when they are not held. */
let isOrderDue = false;
let announcement: ReturnType<typeof setTimeout> | undefined;

// First, so that the connection opens while the table is made.
const feed = new Feed(feedAddress(), {
  token: takeToken(),
  onState: showState,
  onHeard: showNews,
});
const clock = new Clock(feed);
const table = new QuoteTable(element("quotes", HTMLTableSectionElement), CATALOGUE, () => clock.now());
table.drawFavourites(favourites);
const banner = new Banner(feed, clock, announce);

const page: Page = { feed, table, favourites, view: () => view, change, announce };
const openChart = (symbol: string): void => show((dialogs) => dialogs.openChart(page, symbol));
const open = ({ symbol }: Row): void => openChart(symbol);
const explain = (row: Row): void => show((dialogs) => dialogs.explain(page, row));
bindControls({ view: () => view, change, toggleFavourite, open, explain }, table);
for (const moved of ["pointermove", "wheel", "focusin"])
  element("quotes").addEventListener(moved, () => (heldAt = steadyNow()), { passive: true });
element("tools").addEventListener("click", ({ target }) => {
  if (target instanceof HTMLButtonElement) show((dialogs) => dialogs.openTool(page, target.value));
});
for (const news of ["online", "offline"]) addEventListener(news, () => banner.draw());
addEventListener("online", () => feed.hasten());
document.addEventListener("visibilitychange", tick);
drawControls(view);
arrange();
banner.draw();
setInterval(tick, 1000);
if (view.symbol) openChart(view.symbol);

function showState(state: State): void {
  banner.linkChanged(state);
  if (state.link !== "live") return;
  clock.askIfDue(true);
  // There is time until the snapshot arrives.
  prepare();
}

function showNews(news: Heard): void {
  table.apply(news, feed.book.seq);
  const isFirst = news.isSnapshot && !hasPrices;
  hasPrices ||= isFirst;
  if (isFirst) loadMore();
  banner.received(news);
  element("simulated").hidden = !table.isSimulated;
  const now = steadyNow();
  const isMovable = now - heldAt >= HOLD_MS && now - orderedAt >= REORDER_MS;
  if ((view.sort || isOrderDue) && (isFirst || isMovable)) arrange();
}

/** The rest of what the page asks for: without it, trends begin with the page's quotes, and the rows are the build's. */
function loadMore(): void {
  import("./more.ts").then(({ askForMore }) => askForMore(page, arrange, openChart)).catch(() => undefined);
}

function tick(): void {
  if (document.hidden) return;
  if (feed.state.link === "live") clock.askIfDue();
  banner.draw();
  table.age();
}

function change(wanted: Partial<View>): void {
  const before = view;
  view = { ...view, ...wanted };
  history.replaceState(null, "", queryOf(view, isLinked ? String(setUp) : "") || location.pathname);
  drawControls(view);
  const shown = arrange();
  if (view.sort !== before.sort) announce(sortText());
  else if (view.filter !== before.filter || view.favouritesOnly !== before.favouritesOnly) announce(countText(shown));
}

function arrange(): number {
  orderedAt = steadyNow();
  isOrderDue = false;
  const shown = table.arrange(view, favourites);
  setText("count", countText(shown));
  element("empty").hidden = shown > 0;
  if (!shown)
    setText(
      "empty-text",
      !view.filter
        ? t`No favourites yet: choose some with the star.`
        : view.favouritesOnly
          ? t`No favourite matches “${view.filter}”.`
          : t`No asset matches “${view.filter}”.`,
    );
  return shown;
}

function toggleFavourite({ symbol }: Row): void {
  if (!favourites.delete(symbol)) favourites.add(symbol);
  storeFavourites(favourites);
  table.drawFavourites(favourites);
  if (view.favouritesOnly || isLinked) change({});
  isOrderDue = true;
}

/** Open one of the page's dialogs, whose code is loaded with the first of them. */
function show(use: (dialogs: typeof import("./dialogs.ts")) => void): void {
  import("./dialogs.ts").then(use).catch(() => tell(t`This could not be loaded. Reload the page.`));
}

function countText(shown: number): string {
  return shown === table.rows.size ? t`${shown} assets` : t`${shown} of ${table.rows.size} assets`;
}

function sortText(): string {
  const { sort } = view;
  return sort
    ? t`Sorted by ${columnName(sort.by)}, ${sort.descending ? t`descending` : t`ascending`}.`
    : t`In catalogue order.`;
}

/** Have screen readers read a text; of several in quick succession, only the last. */
function announce(text: string): void {
  clearTimeout(announcement);
  announcement = setTimeout(() => setText("announcer", text), ANNOUNCE_MS);
}
