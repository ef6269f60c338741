/**
 * The rows that are in view, and others in turn: drawing takes most of a tick's time, and a screen shows a third of the rows.
 * What reads the others (a search in the page, a screen reader, a copy) finds prices that are a few seconds older. A print
 * shows one moment.
 */

import type { Row } from "./row.ts";
import type { QuoteTable } from "./table.ts";

/** A row that is about to come into view. */
const NEAR = "100px 0px";
/** The rows out of view have this many parts; a frame draws one of them. */
const PARTS = 5;

export function drawWhatIsSeen(table: QuoteTable): void {
  const unseen = new WeakSet<Element>();
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
  addEventListener("beforeprint", () => table.drawAll());
  table.due = (rows) => {
    part = (part + 1) % PARTS;
    // A row without a fresh price says so at once, wherever it is. One that came later is not observed, and always drawn.
    const isDue = ({ element, quote }: Row, index: number): boolean =>
      !unseen.has(element) || !quote || quote.stale === true || index % PARTS === part;
    return rows.filter(isDue);
  };
}
