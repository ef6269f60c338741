/** The colour of a browser's own bar around the page: as the visitor's theme, or as the system's. */

import { setUp } from "./setup.ts";

const [LIGHT, DARK] = ["#ffffff", "#0d1117"];

/** https://developer.mozilla.org/en-US/docs/Web/HTML/Reference/Elements/meta/name/theme-color */
export function colourBar(): void {
  for (const meta of document.querySelectorAll<HTMLMetaElement>("meta[name=theme-color]")) {
    const theme = setUp.get("theme") || (meta.media.includes("dark") ? "dark" : "light");
    meta.content = theme === "dark" ? DARK : LIGHT;
  }
}
