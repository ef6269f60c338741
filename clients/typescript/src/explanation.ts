/** Why a price is what it is: every market of an asset, and what became of each. docs/prices.md has the rules. */

import type { Fields } from "./fields.ts";
import { isFields, isNumberText, isWhole } from "./fields.ts";

/** One market of the asset. Numbers have all their digits. */
export interface Candidate {
  readonly source: string;
  /** The source's own name for it. */
  readonly market: string;
  /** What it is quoted in. */
  readonly currency: string;
  /** Its own price; null where it has not answered. */
  readonly price: string | null;
  /** What its currency costs in CAD, and who says so; null where that is not known. */
  readonly rate: string | null;
  readonly rate_source: string;
  /** Null where it is unusable. */
  readonly price_cad: string | null;
  readonly age_ms: number | null;
  /** Whether it counted for the reference. */
  readonly vote: boolean;
  /** `taken`, `passed_over`, `held` or `unusable`. */
  readonly verdict: string;
  /**
   * Taken: `first_in_band`, `nearest`, `continuous`, `alone`, `persisted`. Passed over: `behind`, `outside_band`,
   * `suspect`, `not_fresh`. Held: `jump`, `disagreement`. Unusable: `not_positive`, `no_trades`, `crossed`, `wide`,
   * `old`, `no_rate`, `no_answer`.
   */
  readonly reason: string;
  /** Its last trade lies outside its book, so the nearer side counts. */
  readonly old_last?: boolean;
}

export interface Explanation {
  readonly symbol: string;
  /** The tick in which the markets were like this, and its time in Unix milliseconds. */
  readonly seq: number;
  readonly ts: number;
  /** The median of the votes in CAD, and their median distance from it as a fraction; null without a vote. */
  readonly reference: string | null;
  readonly dispersion: string | null;
  /** How far from the reference a market may lie and still be taken first, as a fraction. */
  readonly band: string;
  /** How many independent sources agree with the quote. */
  readonly sources: number;
  /** Those with a price as they are preferred, then those without. */
  readonly candidates: readonly Candidate[];
  /** True: the quote's `change` lacks the currency's own move, which the feed does not know yet. */
  readonly change_at_current_rate?: boolean;
}

/** Whether a frame holds one. Words that a newer server may have are as good as those that are known. */
export function isExplanation(frame: Fields): frame is Fields & Explanation {
  const { symbol, seq, ts, reference, dispersion, band, sources, candidates } = frame;
  const { change_at_current_rate: atCurrentRate = false } = frame;
  return (
    typeof symbol === "string" &&
    [seq, ts, sources].every(isWhole) &&
    [reference, dispersion].every(isNumberOrNull) &&
    isNumberText(band) &&
    typeof atCurrentRate === "boolean" &&
    Array.isArray(candidates) &&
    candidates.every(isCandidate)
  );
}

function isCandidate(value: unknown): value is Candidate {
  if (!isFields(value)) return false;
  const { source, market, currency, price, rate, rate_source: rateSource, price_cad: priceCad } = value;
  const { age_ms: ageMs, vote, verdict, reason, old_last: oldLast = false } = value;
  return (
    [source, market, currency, rateSource, verdict, reason].every((text) => typeof text === "string") &&
    [price, rate, priceCad].every(isNumberOrNull) &&
    (ageMs === null || isWhole(ageMs)) &&
    [vote, oldLast].every((flag) => typeof flag === "boolean")
  );
}

function isNumberOrNull(value: unknown): value is string | null {
  return value === null || isNumberText(value);
}
