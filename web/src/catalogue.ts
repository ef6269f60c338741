/** The assets that there are: as of the build, so that the page has its rows before the feed answers. */

import assets from "virtual:catalogue";
import type { Asset as ListedAsset } from "cadfeed-client";

export interface Asset {
  readonly symbol: string;
  readonly name: string;
  /** The symbol's name of today, where that is another. */
  readonly renamedTo: string | undefined;
}

export const CATALOGUE: readonly Asset[] = assets.map(([symbol, name, renamedTo]) => ({ symbol, name, renamedTo }));

/** The catalogue as the feed tells it. */
export function catalogueOf(listed: readonly ListedAsset[]): Asset[] {
  return listed.map(({ symbol, name, renamed_to: renamedTo }) => ({ symbol, name, renamedTo }));
}
