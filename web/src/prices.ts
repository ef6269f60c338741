/** Numbers as a person reads them: grouped, signed, never with an exponent, and no small price rounded away. */

const CENTS = 2;
const SIGNIFICANT_DIGITS = 6;
/** The most decimals that `Intl` is sure to show. */
const MOST_DECIMALS = 20;
const UNITS: readonly (readonly [string, number])[] = [["d", 86_400], ["h", 3600], ["m", 60], ["s", 1]];

/** A price with thousands separators, at least 6 significant digits and the cents. */
export function priceText(price: string): string {
  return grouped(price, places(price));
}

/** A change with its sign and arrow, to the decimals of its price, or more where it would read as nothing. */
export function changeText(change: string, price: string): string {
  const arrow = ["▼ ", "= ", "▲ +"][direction(change) + 1] ?? "";
  return arrow + grouped(change, Math.max(places(price), leadingPlaces(change)));
}

/** A percentage with its sign and at least two decimals, more where it would read as nothing. */
export function percentText(percent: string): string {
  return `${direction(percent) > 0 ? "+" : ""}${grouped(percent, Math.max(CENTS, leadingPlaces(percent)))}%`;
}

/** How old something is, in one unit. A clock that runs behind the server's gives 0 s. */
export function ageText(ageMs: number): string {
  const seconds = Math.max(0, Math.floor(ageMs / 1000));
  const [unit, length] = UNITS.find(([, least]) => seconds >= least) ?? ["s", 1];
  return `${Math.floor(seconds / length)}${unit}`;
}

/** -1, 0 or 1. */
export function direction(number: string): number {
  return Math.sign(Number(number));
}

function places(price: string): number {
  return Number(price) === 0 ? CENTS : Math.max(CENTS, SIGNIFICANT_DIGITS - 1 + leadingPlaces(price));
}

/** Decimals up to the first digit that is not 0. */
function leadingPlaces(number: string): number {
  return Number(number) === 0 ? 0 : -Math.floor(Math.log10(Math.abs(Number(number))));
}

function grouped(number: string, decimals: number): string {
  const digits = Math.min(MOST_DECIMALS, Math.max(0, decimals));
  const format = new Intl.NumberFormat("en-CA", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  // Of a string `Intl` rounds the digits themselves, where a number would be rounded to a float before.
  return format.format(number as `${number}`);
}
