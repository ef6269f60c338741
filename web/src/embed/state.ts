/** The state of the widget's prices in words, and whether they may be out of date. */

import { ageText } from "../format.ts";

/** Two documents in a row that did not come, and some time for each. */
const OLD_MS = 35_000;

export interface Facts {
  /** The time since the last prices came; undefined if none have. */
  readonly silenceMs: number | undefined;
  /** The last answer had no prices. */
  readonly hasFailed: boolean;
  /** The feed itself has no current prices. */
  readonly isLate: boolean;
  readonly isSimulated: boolean;
}

export function stateOf({ silenceMs, hasFailed, isLate, isSimulated }: Facts): { text: string; isOld: boolean } {
  if (silenceMs === undefined) return { text: hasFailed ? t`No prices yet: asking again` : t`Loading`, isOld: false };
  const kind = isSimulated ? t`Simulated prices, not live ones` : t`Live`;
  if (silenceMs < OLD_MS && !isLate) return { text: kind, isOld: false };
  const age = ageText(silenceMs);
  return { text: isSimulated ? t`Simulated prices, ${age} old` : t`Prices are ${age} old`, isOld: true };
}
