/** The texts of an explanation, and how far apart its markets are. docs/prices.md has the rules behind the words. */

import type { Candidate, Explanation } from "cadfeed-client";
import { ageText, exactText, percentText, priceText } from "../format.ts";
import { agreementText } from "../title.ts";

/** The explanation, in the texts of its failures. */
export const WHY = { name: t`explanation`, reads: t`markets` };
const BASIS_POINTS = 10_000;
/** A scale ends at one of these, times a power of ten. */
const ROUND = [1, 2, 3, 5, 10];
/** Sources differ by less only by chance. */
const LEAST_SCALE = 1;
const NONE = "–";
const REASONS: Readonly<Record<string, string>> = {
  first_in_band: t`serves: the first in order that agrees`,
  nearest: t`serves: none agrees, and it is nearest`,
  continuous: t`serves: two disagree, and it continues the last price`,
  alone: t`serves: no other votes, and it continues the last price`,
  persisted: t`serves: no other confirms it, but it has stood for a minute`,
  behind: t`agrees, but one before it serves`,
  outside_band: t`too far from the others`,
  suspect: t`its source contradicts the others, so it has no vote`,
  not_fresh: t`older than three others`,
  jump: t`held: no other votes, and it is far from the last price`,
  disagreement: t`held: two disagree, and neither continues the last price`,
  not_positive: t`its price is not above zero`,
  no_trades: t`not traded for 24 hours`,
  crossed: t`its bid is above its ask`,
  wide: t`its bid and ask are too far apart`,
  old: t`its price is too old`,
  no_rate: t`no rate for its currency`,
  no_answer: t`no answer from its source`,
};
const OLD_LAST = t`; its last trade lies outside its book`;

/** What became of a market. A newer feed may have reasons that this page does not know. */
export function reasonText({ reason, old_last: isOldLast }: Candidate): string {
  const known = Object.hasOwn(REASONS, reason) ? REASONS[reason] : undefined;
  return `${known ?? reason.replaceAll("_", " ")}${isOldLast ? OLD_LAST : ""}`;
}

/** How far a market is from the median, in basis points; undefined if either has no price. */
export function distanceOf({ price_cad: price }: Candidate, reference: string | null): number | undefined {
  const [from, to] = [Number(reference), Number(price)];
  const distance = (to / from - 1) * BASIS_POINTS;
  return from && to && Number.isFinite(distance) ? distance : undefined;
}

/** A distance with its sign; never 0 unless it is, nearly. */
export function distanceText(distance: number | undefined): string {
  if (distance === undefined) return NONE;
  const size = Math.abs(distance);
  const digits = size >= 100 ? 0 : size >= 1 ? 1 : 2;
  const text = size.toFixed(digits);
  return `${Number(text) === 0 ? "" : distance < 0 ? "−" : "+"}${exactText(text)}`;
}

/** Where the drawing of distances ends on both sides, in basis points: a round number that all of them are within. */
export function scaleOf(distances: readonly (number | undefined)[]): number {
  const farthest = Math.max(LEAST_SCALE, ...distances.map((distance) => Math.abs(distance ?? 0)));
  const power = 10 ** Math.floor(Math.log10(farthest));
  return power * (ROUND.find((round) => round * power >= farthest) ?? 1);
}

/** What a market itself states, and how that becomes CAD. */
export function ownPriceText({ price, currency, rate, rate_source: from }: Candidate): string {
  if (price === null) return "";
  const own = `${exactText(price)} ${currency}`;
  return from && rate !== null ? t`${own} at ${exactText(rate)} CAD (${from})` : own;
}

export function priceOf({ price_cad: price }: Candidate): string {
  return price === null ? NONE : priceText(price);
}

/** How old it is, this long after the feed has said so. */
export function ageOf({ age_ms: age }: Candidate, sinceMs = 0): string {
  return age === null ? NONE : ageText(age + sinceMs);
}

/** What the markets say together. */
export function summaryOf({ reference, band, sources }: Explanation): string {
  if (reference === null) return t`No market has a vote now, so nothing confirms the price.`;
  const within = percentText((Number(band) * 100).toFixed(6)).replace("+", "");
  return t`${agreementText(sources)}. The median of the votes is ${priceText(reference)} CAD, and a market agrees within ${within} of it.`;
}
