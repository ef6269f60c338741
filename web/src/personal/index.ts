/** The visitor's own tools, each in a dialog. Loaded with the first one. */

import type { Page } from "../dialogs.ts";
import { openAlerts } from "./alerts.ts";
import { openConverter } from "./converter.ts";
import { openSettings } from "./settings.ts";
import "./personal.css";

/** Open the tool with this name. */
export function open(name: string, page: Page): void {
  if (name === "converter") openConverter(page);
  else if (name === "alerts") openAlerts(page);
  else openSettings(page);
}
