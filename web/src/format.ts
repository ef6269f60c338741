/** Numbers for people: grouped, signed, never with an exponent, and never a small price rounded to 0. */

/** How the language of the page writes numbers and times, and its decimal sign. */
export const LOCALE = t`en-CA`;
export const DECIMAL = t`.`;
const CENTS = 2;
const SIGNIFICANT_DIGITS = 6;
/** The spread of a liquid market is a few thousandths of a percent. */
const SPREAD_DECIMALS = 3;
/** The most decimals that every `Intl` supports. */
const MOST_DECIMALS = 20;
/** The decimals of a price of a few millionths of a dollar. */
const PREPARED_DECIMALS = 11;
const UNITS: readonly (readonly [string, number])[] = [
  [t`d`, 86_400],
  [t`h`, 3600],
  [t`m`, 60],
  [t`s`, 1],
];
/** This sign is as wide as a plus and a digit; a hyphen is not. */
const MINUS = "−";
/** Making a format takes a hundred times as long as using it. */
const formats = new Map<string, Intl.NumberFormat>();
let fixedDecimals: number | undefined;

/** Show prices with that many decimals, whatever their size; `null` or another text: by their size. */
export function useDecimals(wanted: string | null): void {
  fixedDecimals = /^[0-6]$/.test(wanted ?? "") ? Number(wanted) : undefined;
}

/** A price with thousands separators, at least 6 significant digits and at least cents. */
export function priceText(price: string): string {
  return grouped(price, places(price));
}

/** A change with its sign and the decimals of its price, or more if it would read as 0. */
export function changeText(change: string, price: string): string {
  return grouped(change, Math.max(places(price), leadingPlaces(change)), true);
}

/** A percentage with its sign and at least two decimals, or more if it would read as 0. */
export function percentText(percent: string): string {
  return t`${grouped(percent, Math.max(CENTS, leadingPlaces(percent)), true)}%`;
}

/** The spread in percent of the mid price. */
export function spreadPercent(bid: string, ask: string): number {
  const [low, high] = [Number(bid), Number(ask)];
  return low + high > 0 ? ((high - low) / (low + high)) * 200 : 0;
}

export function spreadText(percent: number): string {
  return t`${grouped(percent.toFixed(MOST_DECIMALS), Math.max(SPREAD_DECIMALS, leadingPlaces(String(percent))))}%`;
}

/** An age in one unit. If this clock is behind the server's, it is 0 s. */
export function ageText(ageMs: number): string {
  const seconds = Math.max(0, Math.floor(ageMs / 1000));
  const [unit, length] = UNITS.find(([, least]) => seconds >= least) ?? [t`s`, 1];
  return `${Math.floor(seconds / length)}${unit}`;
}

/** The sources of a price without their markets: `binance × kraken` of `binance:SHIBUSDT x kraken:USDTCAD`. */
export function sourceText(source: string): string {
  const names = source.split(" x ").map((leg) => leg.split(":", 1)[0]?.replaceAll("_", " ") ?? leg);
  return [...new Set(names)].join(" × ");
}

/** The only source of a price. The source of the rate is left out, because the cell is too narrow for it. */
export function onlySourceText(source: string): string {
  return t`only ${sourceText(source.split(" x ", 1).join())}`;
}

/** -1, 0 or 1. */
export function direction(number: string): number {
  return Math.sign(Number(number));
}

function places(price: string): number {
  // Even so, a small price does not read as 0.
  if (fixedDecimals !== undefined) return Math.max(fixedDecimals, leadingPlaces(price) && leadingPlaces(price) + 1);
  return Number(price) === 0 ? CENTS : Math.max(CENTS, SIGNIFICANT_DIGITS - 1 + leadingPlaces(price));
}

/** Decimals up to the first digit that is not 0. */
function leadingPlaces(number: string): number {
  return Number(number) === 0 ? 0 : -Math.floor(Math.log10(Math.abs(Number(number))));
}

function grouped(number: string, decimals: number, signed = false): string {
  const digits = Math.min(MOST_DECIMALS, Math.max(0, decimals));
  // `Intl` rounds the digits of a string exactly; a number would be rounded to a float first.
  return formatOf(digits, signed)
    .format(number as `${number}`)
    .replace("-", MINUS);
}

function formatOf(digits: number, signed: boolean): Intl.NumberFormat {
  const key = `${digits}${signed}`;
  let format = formats.get(key);
  if (!format) {
    format = new Intl.NumberFormat(LOCALE, {
      minimumFractionDigits: digits,
      maximumFractionDigits: digits,
      signDisplay: signed ? "exceptZero" : "auto",
    });
    formats.set(key, format);
  }
  return format;
}

/** Make the formats for prices while the page is idle: making all of them takes longer than drawing the table. */
export function prepare(): void {
  for (let digits = CENTS; digits <= PREPARED_DECIMALS; digits++)
    for (const signed of [false, true]) formatOf(digits, signed);
}

/** A number with all its digits. */
export function exactText(number: string): string {
  return number.replace(".", DECIMAL);
}
