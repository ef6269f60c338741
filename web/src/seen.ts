/**
 * The rows that are in view, and others in turn: drawing takes most of a tick's time, and a screen shows a third of the rows.
 * What reads the others, as a search in the page does, finds prices that are at most a few seconds older.
 */

import type { QuoteTable } from "./table.ts";

/** A row that is about to come into view. */
const NEAR = "100px 0px";
/** Every frame draws one of so many parts of the rows out of view. */
const PARTS = 5;

export function drawWhatIsSeen(table: QuoteTable): void {
  const unseen = new Set<Element>();
  let part = 0;
  const observer = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) {
        if (isIntersecting) unseen.delete(target);
        else unseen.add(target);
      }
      table.redraw();
    },
    { rootMargin: NEAR },
  );
  for (const { element } of table.rows.values()) observer.observe(element);
  table.due = (rows) => {
    part = (part + 1) % PARTS;
    // A price that is gone must not stay anywhere. A row that came later is not observed, and always drawn.
    return rows.filter(({ element, quote }, index) => !unseen.has(element) || !quote || index % PARTS === part);
  };
}
