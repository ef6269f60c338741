/** The last 24 hours at a glance: how many assets rose and fell, and which ones did most. Loaded after the first prices. */

import type { Feed, Quote } from "cadfeed-client";
import { steadyNow } from "cadfeed-client";
import { percentText } from "./format.ts";
import { element } from "./page.ts";

const MOST = 3;
/** A list that changes more often cannot be read. */
const DRAW_EVERY_MS = 5000;

export interface Day {
  readonly ups: number;
  readonly downs: number;
  /** The biggest changes, the biggest first. */
  readonly gains: readonly Quote[];
  readonly losses: readonly Quote[];
}

/** What the last 24 hours were, by the quotes. A stale one tells nothing about them. */
export function dayOf(quotes: Iterable<Quote>): Day {
  const changed = [...quotes]
    .filter(({ stale, change_pct: percent }) => !stale && Number(percent))
    .sort((one, other) => Number(other.change_pct) - Number(one.change_pct));
  const firstDown = changed.findIndex(({ change_pct: percent }) => Number(percent) < 0);
  const ups = firstDown < 0 ? changed.length : firstDown;
  const losses = changed.slice(ups).reverse();
  return { ups, downs: losses.length, gains: changed.slice(0, Math.min(MOST, ups)), losses: losses.slice(0, MOST) };
}

/** Show the day in the head of the page, and open the chart of an asset that is clicked there. */
export function showDay(feed: Feed, open: (symbol: string) => void): void {
  let drawnAt = Number.NEGATIVE_INFINITY;
  const draw = (): void => {
    const now = steadyNow();
    if (document.hidden || now - drawnAt < DRAW_EVERY_MS) return;
    drawnAt = now;
    const { ups, downs, gains, losses } = dayOf(feed.book.quotes.values());
    drawCount("ups", ups, ups + downs ? t`${ups} up` : "");
    drawCount("downs", downs, ups + downs ? t`${downs} down` : "");
    element("breadth").style.setProperty("--ups", String(ups / (ups + downs || 1)));
    drawList("gains", gains);
    drawList("losses", losses);
  };
  element("day").addEventListener("click", ({ target }) => {
    const symbol = target instanceof Element && target.closest("button")?.dataset["symbol"];
    if (symbol) open(symbol);
  });
  feed.observe({ onHeard: draw });
  draw();
}

/** A number, and a word that a phone replaces with an arrow. */
function drawCount(id: string, count: number, text: string): void {
  const target = element(id);
  if (target.textContent === text) return;
  const word = document.createElement("span");
  word.append(text.slice(String(count).length));
  target.replaceChildren(text && String(count), word);
}

/** Buttons stay, so that a focused one keeps the focus; their texts are new, so that none counts as a layout shift. */
function drawList(id: string, quotes: readonly Quote[]): void {
  for (const [index, button] of [...element(id).querySelectorAll("button")].entries()) {
    const quote = quotes[index];
    button.hidden = !quote;
    if (!quote) continue;
    const [name = ""] = quote.symbol.split("_", 1);
    const text = `${name} ${percentText(quote.change_pct)}`;
    if (button.textContent === text) continue;
    const bold = document.createElement("b");
    bold.append(name);
    button.replaceChildren(bold, text.slice(name.length));
    button.dataset["symbol"] = quote.symbol;
  }
}
