/** Shortcuts, and moving through the rows by keyboard. Loaded after the first prices. */

import { element } from "./page.ts";
import type { QuoteTable } from "./table.ts";

const filter = element("filter", HTMLInputElement);

export function bindKeys(table: QuoteTable): void {
  element("quotes").addEventListener("keydown", (event) => moveFocus(event, table));
  document.addEventListener("keydown", shortcut);
}

function shortcut(event: KeyboardEvent): void {
  const { target, key } = event;
  const isTyping = target instanceof Element && target.closest("input, select, textarea, dialog");
  if (key === "/" && !isTyping && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    filter.focus();
    filter.select();
  } else if (key === "Escape" && target === filter && filter.value) {
    event.preventDefault();
    filter.value = "";
    filter.dispatchEvent(new Event("input"));
  }
}

/** The up and down arrows move the focus to the same button of the next shown row. */
function moveFocus(event: KeyboardEvent, table: QuoteTable): void {
  const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
  const row = table.rowOf(event.target);
  if (!step || !row) return;
  event.preventDefault();
  const button = (["star", "opener", "why"] as const).find((name) => event.target === row[name]) ?? "opener";
  table.neighbourOf(row, step)?.[button].focus();
}
