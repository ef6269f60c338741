/** The assets at the time of the build, so that the page has its rows before the feed answers. */

import assets from "virtual:catalogue";

export interface Asset {
  readonly symbol: string;
  readonly name: string;
  /** The symbol of the asset's new name, if it has one. */
  readonly renamedTo: string | undefined;
}

export const CATALOGUE: readonly Asset[] = assets.map(([asset, name, renamedTo]) => ({
  symbol: `${asset}_CAD`,
  name,
  renamedTo: renamedTo && `${renamedTo}_CAD`,
}));
