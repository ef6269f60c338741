/**
 * JSON in which a price keeps every digit: `JSON.parse` alone would make a 64-bit float of it.
 *
 * The numbers of the fields in `PRICES`, and those of a candle but its time, come as strings, as the server wrote them;
 * all others as numbers.
 */

const QUOTED = ["bid", "ask", "spot", "change", "change_pct"];
const EXPLAINED = ["price", "rate", "price_cad", "reference", "dispersion", "band"];
const PRICES = new Set([...QUOTED, ...EXPLAINED]);
// A string that never ends is also left as it is, with everything in it.
const TOKENS = /("(?:[^"\\]|\\.)*"?)(\s*:)?|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/gs;
// Begins each number that is carried through `JSON.parse` as a string. A string that begins so is given one more.
const MARK = "\u0000";
const ESCAPED_MARK = "\\u0000";

type Reviver = (this: unknown, key: string, value: unknown, context?: { source?: string }) => unknown;

/**
 * Parse a frame.
 *
 * @throws SyntaxError: not JSON.
 */
export const parseExact: (text: string) => unknown = hasSourceText() ? parseBySourceText : parseByMarks;

/** With the reviver's source text: https://github.com/tc39/proposal-json-parse-with-source */
export function parseBySourceText(text: string): unknown {
  return parse(text, function (key, value, context) {
    return typeof value === "number" ? numberOf(this, key, context?.source ?? String(value)) : value;
  });
}

/** For browsers without it: numbers go through as strings that are marked. */
export function parseByMarks(text: string): unknown {
  const marked = text.replace(TOKENS, (token: string, string?: string, colon?: string) => {
    if (string === undefined) return `"${ESCAPED_MARK}${token}"`;
    // The name of a field is never looked at, so it needs no mark.
    return colon === undefined && string.startsWith(ESCAPED_MARK, 1) ? `"${ESCAPED_MARK}${string.slice(1)}` : token;
  });
  return parse(marked, function (key, value) {
    if (typeof value !== "string" || !value.startsWith(MARK)) return value;
    return value.startsWith(MARK, 1) ? value.slice(1) : numberOf(this, key, value.slice(1));
  });
}

function numberOf(holder: unknown, key: string, source: string): string | number {
  const isPrice = Array.isArray(holder) ? key !== "0" : PRICES.has(key);
  return isPrice ? source : Number(source);
}

function parse(text: string, reviver: Reviver): unknown {
  return JSON.parse(text, reviver);
}

function hasSourceText(): boolean {
  return parse("1.0", (_key, _value, context) => context?.source) === "1.0";
}
