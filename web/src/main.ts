/** The page at the feed's address: follows the feed and shows every quote. */

import { Feed } from "./feed/index.ts";
import type { Change, State } from "./feed/index.ts";
import { QuoteTable } from "./table.ts";

const table = new QuoteTable(element("quotes", HTMLTableSectionElement));
let retryAt = 0;

const feed = new Feed(`wss://${location.host}/markets/ws/`, { onState: showState, onChange: showChange });
showState(feed.state);
setInterval(tick, 1000);

function showState(state: State): void {
  if (state.link === "reconnecting") retryAt = Date.now() + state.inMs;
  const link = element("state");
  // Only when it changes: each change is read out to those who listen to the page.
  if (link.dataset["link"] !== state.link) link.dataset["link"] = link.textContent = state.link;
  element("reason").textContent = state.reason;
  tick();
}

function showChange({ changed, withdrawn, isSnapshot }: Change): void {
  for (const symbol of withdrawn) table.drop(symbol);
  for (const quote of changed) table.show(quote, !isSnapshot);
  tick();
}

function tick(): void {
  const now = Date.now();
  table.showAges(now);
  element("simulated").hidden = !table.isSimulated;
  element("facts").textContent =
    feed.state.link === "reconnecting"
      ? `next attempt in ${Math.max(0, Math.ceil((retryAt - now) / 1000))} s`
      : `${table.size} quotes, seq ${feed.seq}`;
  const unavailable = [...feed.unavailable].sort().join(", ");
  element("unavailable").textContent = unavailable ? `Unavailable now: ${unavailable}` : "";
}

function element(id: string): HTMLElement;
function element<T extends HTMLElement>(id: string, kind: new () => T): T;
function element(id: string, kind: new () => HTMLElement = HTMLElement): HTMLElement {
  const found = document.getElementById(id);
  if (found instanceof kind) return found;
  throw new Error(`the page has no ${kind.name} "${id}"`);
}
