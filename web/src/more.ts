/**
 * What the page does after the first prices: it asks for the past of each row, the feed's own catalogue and a pace, binds
 * its keys, and has itself kept for when there is no network. Loaded then.
 */

import type { Feed } from "cadfeed-client";
import { showDay } from "./day.ts";
import type { Page } from "./dialogs.ts";
import { FAVOURITES, storedFavourites } from "./favourites.ts";
import { ALERTS, kept } from "./kept.ts";
import { bindKeys } from "./keys.ts";
import { Past } from "./past.ts";
import { drawWhatIsSeen } from "./seen.ts";
import { colourBar } from "./theme-color.ts";
import { showTitles } from "./title.ts";

/** The first prices are drawn by then. */
const ASSETS_AFTER_MS = 500;

/**
 * Do all that, and show the last 24 hours. `arrange` puts the rows in order after the catalogue has
 * changed them; `open` opens an asset's chart.
 */
export async function askForMore(page: Page, arrange: () => void, open: (symbol: string) => void): Promise<void> {
  const { feed, table } = page;
  bindKeys(table);
  showTitles(feed, table);
  drawWhatIsSeen(table);
  keepPace(feed);
  showDay(feed, open);
  colourBar();
  // While the network is well: the client needs the first when it is not, and dialogs open sooner.
  void import("cadfeed-client/polling.ts").catch(() => undefined);
  void import("./dialogs.ts").catch(() => undefined);
  // It keeps the page's files. A browser without it, or in private mode, opens the page with a network only.
  const [language] = document.documentElement.lang.split("-", 1);
  void navigator.serviceWorker?.register(`/worker.js?lang=${language}`).catch(() => undefined);
  if (kept(ALERTS)) watchAlerts(feed);
  followTabs(page);
  // Requests need a socket, which may come later than the first prices.
  await live(feed);
  const past = new Past(table);
  void past.ask(feed);
  await new Promise((resolve) => setTimeout(resolve, ASSETS_AFTER_MS));
  const listed = await feed.request({ event: "assets" });
  if (!table.list(listed.map(({ symbol, name, renamed_to: renamedTo }) => ({ symbol, name, renamedTo })))) return;
  past.draw();
  arrange();
}

function watchAlerts(feed: Feed): void {
  void import("./personal/alerts.ts").then(({ watched }) => watched({ feed })).catch(() => undefined);
}

/** Another tab of the page has changed the favourites, or has the first alerts. */
function followTabs({ feed, table, favourites }: Page): void {
  addEventListener("storage", ({ key }) => {
    if (key === ALERTS) watchAlerts(feed);
    if (key !== FAVOURITES) return;
    favourites.clear();
    for (const symbol of storedFavourites()) favourites.add(symbol);
    table.drawFavourites(favourites);
  });
}

/** Resolves while the feed answers requests. */
function live(feed: Feed): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (feed.state.link !== "live") return;
      stop();
      resolve();
    };
    const stop = feed.observe({ onState: look });
    look();
  });
}

/** A page that nobody sees hears the feed once a minute, and one whose visitor saves data twice. */
function keepPace(feed: Feed): void {
  const { connection } = navigator as { connection?: { saveData?: boolean } };
  const whenSeen = connection?.saveData ? 30 : undefined;
  const follow = (): void => feed.pace(document.hidden ? 60 : whenSeen);
  document.addEventListener("visibilitychange", follow);
  if (document.hidden || whenSeen) follow();
}
