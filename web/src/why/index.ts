/** Why a price is what it is, in a dialog. Loaded with the first one. */

import type { AboutAsset } from "../elements.ts";
import { Why } from "./why.ts";

let current: Why | undefined;

/** Open the explanation of an asset's price, and close one that is open. Escape and `close` close it. */
export function openWhy(options: AboutAsset): Why {
  current?.close();
  current = new Why(options);
  return current;
}
