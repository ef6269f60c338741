/** What this browser keeps for the visitor. Some refuse: then nothing outlives the page. */

/** The key of the price alerts. */
export const ALERTS = "cadfeed.alerts";

/** The text under a key; empty if there is none. */
export function kept(key: string): string {
  try {
    return localStorage.getItem(key) ?? "";
  } catch {
    return "";
  }
}

/** Keep a text; whether the browser does. */
export function keep(key: string, text: string): boolean {
  try {
    localStorage.setItem(key, text);
    return true;
  } catch {
    return false;
  }
}
