/** An amount as people type it. */

import { DECIMAL } from "../format.ts";

const MOST_DIGITS = 80;

/**
 * The number in a text such as `1,234.5` or `1 234.5`, in plain digits; undefined if there is none. With a decimal comma
 * only spaces group digits.
 */
export function amountIn(text: string, decimal = DECIMAL): string | undefined {
  const group = decimal === "," ? /(\d)\s(?=\d{3}(?!\d))/g : /(\d)[,\s](?=\d{3}(?!\d))/g;
  const plain = text.trim().replace(group, "$1").replace(decimal, ".");
  if (plain.length > MOST_DIGITS || !/^(?:\d+\.?\d*|\.\d+)$/.test(plain)) return undefined;
  const [whole = "", fraction = ""] = plain.split(".", 2);
  return `${whole.replace(/^0+(?=\d)/, "") || "0"}${fraction && `.${fraction}`}`;
}
