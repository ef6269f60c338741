/** The reader's favourite symbols, kept in this browser. */

const KEY = "cadfeed.favourites";

export function storedFavourites(): Set<string> {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    return new Set(Array.isArray(stored) ? stored.filter((symbol) => typeof symbol === "string") : []);
  } catch {
    // Storage is refused, or holds what another page of this address left there.
    return new Set();
  }
}

/** Keep them, where the browser lets a page keep anything: without that they last as long as the page. */
export function storeFavourites(favourites: ReadonlySet<string>): void {
  try {
    localStorage.setItem(KEY, JSON.stringify([...favourites]));
  } catch {
    return;
  }
}
