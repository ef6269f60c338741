/** The user's favourite symbols, stored in this browser. */

const KEY = "cadfeed.favourites";

export function storedFavourites(): Set<string> {
  try {
    const stored: unknown[] = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    return new Set(stored.filter((symbol) => typeof symbol === "string"));
  } catch {
    // The browser refuses storage, or another page at this address wrote something else there.
    return new Set();
  }
}

/** Store them. If the browser refuses, they last until the page is closed. */
export function storeFavourites(favourites: ReadonlySet<string>): void {
  try {
    localStorage.setItem(KEY, JSON.stringify([...favourites]));
  } catch {
    return;
  }
}
