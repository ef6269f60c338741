/**
 * What the page does after the first prices: it asks for the past of each row, the feed's own catalogue and a pace, binds
 * its keys, and has itself kept for when there is no network. Loaded then.
 */

import type { Feed } from "cadfeed-client";
import { showDay } from "./day.ts";
import { ALERTS, kept } from "./kept.ts";
import { bindKeys } from "./keys.ts";
import { Past } from "./past.ts";
import type { QuoteTable } from "./table.ts";

/** The first prices are drawn by then. */
const ASSETS_AFTER_MS = 500;

/**
 * Do all that, and show the last 24 hours. `arrange` puts the rows in order after the catalogue has
 * changed them; `open` opens an asset's chart.
 */
export async function askForMore(
  feed: Feed,
  table: QuoteTable,
  arrange: () => void,
  open: (symbol: string) => void,
): Promise<void> {
  bindKeys(table);
  keepPace(feed);
  showDay(feed, open);
  // While the network is well: the client needs the first when it is not, and dialogs open sooner.
  void import("cadfeed-client/polling.ts").catch(() => undefined);
  void import("./dialogs.ts").catch(() => undefined);
  // It keeps the page's files. A browser without it, or in private mode, opens the page with a network only.
  void navigator.serviceWorker?.register("/worker.js").catch(() => undefined);
  if (kept(ALERTS)) void import("./personal/alerts.ts").then(({ watched }) => watched({ feed })).catch(() => undefined);
  const past = new Past(table);
  void past.ask(feed);
  await new Promise((resolve) => setTimeout(resolve, ASSETS_AFTER_MS));
  const listed = await feed.request({ event: "assets" });
  if (!table.list(listed.map(({ symbol, name, renamed_to: renamedTo }) => ({ symbol, name, renamedTo })))) return;
  past.draw();
  arrange();
}

/** A page that nobody sees hears the feed once a minute, and one whose visitor saves data twice. */
function keepPace(feed: Feed): void {
  const { connection } = navigator as { connection?: { saveData?: boolean } };
  const whenSeen = connection?.saveData ? 30 : undefined;
  const follow = (): void => feed.pace(document.hidden ? 60 : whenSeen);
  document.addEventListener("visibilitychange", follow);
  if (document.hidden || whenSeen) follow();
}
