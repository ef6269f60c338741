/** Decimal numbers as texts, exactly: none becomes a float. */

interface Scaled {
  readonly units: bigint;
  readonly decimals: number;
}

/** `one` minus `other`. */
export function difference(one: string, other: string): string {
  const decimals = Math.max(scaledOf(one).decimals, scaledOf(other).decimals);
  return textOf({ units: unitsOf(one, decimals) - unitsOf(other, decimals), decimals });
}

/** `one` times `other`. */
export function product(one: string, other: string): string {
  const [a, b] = [scaledOf(one), scaledOf(other)];
  return textOf({ units: a.units * b.units, decimals: a.decimals + b.decimals });
}

/** `one` divided by `other`, which is not 0, to that many decimals, rounded down. */
export function quotient(one: string, other: string, decimals: number): string {
  const [a, b] = [scaledOf(one), scaledOf(other)];
  return textOf({
    units: (a.units * 10n ** BigInt(decimals + b.decimals)) / (b.units * 10n ** BigInt(a.decimals)),
    decimals,
  });
}

/** -1, 0 or 1: whether `one` is less than `other`, equal, or more. */
export function compare(one: string, other: string): number {
  const decimals = Math.max(scaledOf(one).decimals, scaledOf(other).decimals);
  const [a, b] = [unitsOf(one, decimals), unitsOf(other, decimals)];
  return a < b ? -1 : Number(a > b);
}

/** `1.5e-7` is a number of JSON, too. */
function scaledOf(number: string): Scaled {
  const [digits = "0", power = "0"] = number.toLowerCase().split("e", 2);
  const [whole = "0", fraction = ""] = digits.split(".", 2);
  const decimals = fraction.length - Number(power);
  const units = BigInt(whole + fraction);
  return decimals < 0 ? { units: units * 10n ** BigInt(-decimals), decimals: 0 } : { units, decimals };
}

function unitsOf(number: string, decimals: number): bigint {
  const scaled = scaledOf(number);
  return scaled.units * 10n ** BigInt(decimals - scaled.decimals);
}

function textOf({ units, decimals }: Scaled): string {
  const digits = String(units < 0n ? -units : units).padStart(decimals + 1, "0");
  const whole = digits.slice(0, digits.length - decimals);
  const fraction = digits.slice(digits.length - decimals).replace(/0+$/, "");
  return `${units < 0n ? "-" : ""}${whole}${fraction && `.${fraction}`}`;
}
