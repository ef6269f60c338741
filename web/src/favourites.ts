/** The user's favourite symbols: those of the link, else those of this browser. */

import { keep, kept } from "./kept.ts";
import { STARS, setUp } from "./setup.ts";

export const FAVOURITES = "cadfeed.favourites";

export function storedFavourites(): Set<string> {
  const linked = setUp.get(STARS);
  if (linked !== null) return new Set(linked.split(","));
  try {
    const stored: unknown[] = JSON.parse(kept(FAVOURITES));
    return new Set(stored.filter((symbol) => typeof symbol === "string"));
  } catch {
    // There are none, or another page at this address wrote something else there.
    return new Set();
  }
}

/** Store them: in the link's set-up if they came with it. If the browser refuses, they last until the page is closed. */
export function storeFavourites(favourites: ReadonlySet<string>): void {
  if (setUp.has(STARS)) setUp.set(STARS, [...favourites].join());
  else keep(FAVOURITES, JSON.stringify([...favourites]));
}
