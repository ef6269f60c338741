/** What the widget's address asks for: `/embed?symbols=BTC_CAD,ETH_CAD&theme=dark`. */

const MOST_SYMBOLS = 20;
const SYMBOL = /^[A-Z0-9]{1,20}_[A-Z]{3}$/;

export interface Asked {
  /** Each once, in their order. */
  readonly symbols: readonly string[];
  /** Without one, the browser's. */
  readonly theme: "light" | "dark" | undefined;
  /** What is wrong with the address, and what to do. */
  readonly problem: string;
}

export function askedIn(query: string): Asked {
  const fields = new URLSearchParams(query);
  const words = (fields.get("symbols") ?? "").split(",").map((word) => word.trim().toUpperCase());
  const named = [...new Set(words.filter(Boolean))];
  const theme = (["light", "dark"] as const).find((each) => each === fields.get("theme"));
  return {
    symbols: named.filter((word) => SYMBOL.test(word)).slice(0, MOST_SYMBOLS),
    theme,
    problem: problemOf(named),
  };
}

function problemOf(named: readonly string[]): string {
  const wrong = named.find((word) => !SYMBOL.test(word));
  if (!named.length) return t`The address names no assets: add ?symbols=BTC_CAD,ETH_CAD.`;
  if (wrong) return t`${wrong.slice(0, 30)} is not a symbol such as BTC_CAD.`;
  return named.length > MOST_SYMBOLS ? t`The widget shows ${MOST_SYMBOLS} assets at most.` : "";
}
