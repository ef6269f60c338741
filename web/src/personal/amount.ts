/** An amount as people type it. */

const MOST_DIGITS = 40;

/** The number in a text such as `1,234.5` or `1 234.5`, in plain digits; undefined if there is none. */
export function amountIn(text: string): string | undefined {
  const plain = text.trim().replace(/(\d)[,\s](?=\d{3}(?!\d))/g, "$1");
  if (plain.length > MOST_DIGITS || !/^(?:\d+\.?\d*|\.\d+)$/.test(plain)) return undefined;
  const [whole = "", fraction = ""] = plain.split(".", 2);
  return `${whole.replace(/^0+(?=\d)/, "") || "0"}${fraction && `.${fraction}`}`;
}
