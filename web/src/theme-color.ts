/** The colour of a browser's own bar around the page: as the visitor's theme, or as the system's. The page has both. */

import { setUp } from "./setup.ts";

const SCHEMES = ["light", "dark"];

/** https://developer.mozilla.org/en-US/docs/Web/HTML/Reference/Elements/meta/name/theme-color */
export function colourBar(): void {
  const theme = setUp.get("theme");
  const colours = document.querySelectorAll<HTMLMetaElement>("meta[name=theme-color]");
  for (const [index, colour] of colours.entries()) {
    const scheme = SCHEMES[index];
    const chosen = theme === scheme ? "all" : "not all";
    colour.media = theme ? chosen : `(prefers-color-scheme: ${scheme})`;
  }
}
