/**
 * Rows of `rates_compact` as the quotes that they stand for. docs/protocol.md says how, under "Rows of numbers".
 */

import type { Fields } from "./fields.ts";
import { isStrings } from "./fields.ts";

/** The channels whose frames this client reads, the one that it prefers first. */
export type Channel = "rates_compact" | "rates_batch";

/** What the cells of a row are, and what its `i` stands for. */
interface Legend {
  readonly columns: readonly string[];
  readonly symbols: readonly string[];
  readonly sources: readonly string[];
  readonly renamed: ReadonlyMap<unknown, unknown>;
}

const STALE = 1;
const SIMULATED = 2;
/** As many as may be under way at once. */
const MOST_LEGENDS = 8;
const MILLIONTHS = 6;
const DIGITS = 6;

/** The legends that a connection has stated, by their names, oldest first. */
export class Legends {
  readonly #known = new Map<unknown, Legend>();

  /**
   * The quotes of a frame, each still to be judged; nothing without the frame's legend.
   *
   * @throws Error: a row or the legend is broken.
   */
  quotesOf(frame: Fields): unknown[] | undefined {
    const { rows, seq, ts } = frame;
    const legend = this.#legendOf(frame);
    return legend && Array.isArray(rows) ? rows.map((row) => quoteOf(row, legend, seq, Number(ts))) : undefined;
  }

  #legendOf({ legend, columns, symbols, sources_used: sources, renamed_to: renamed }: Fields): Legend | undefined {
    if (isStrings(columns) && isStrings(symbols) && isStrings(sources)) {
      this.#known.delete(legend);
      this.#known.set(legend, { columns, symbols, sources, renamed: new Map(renamed as [] | undefined) });
      for (const name of this.#known.keys()) if (this.#known.size > MOST_LEGENDS) this.#known.delete(name);
    }
    return this.#known.get(legend);
  }
}

/** In a row, all numbers but the first come as text (see exact.ts). Cells that are missing follow from the others. */
function quoteOf(row: unknown, { columns, symbols, sources, renamed }: Legend, seq: unknown, frameTs: number): unknown {
  const cell = (name: string): unknown => (Array.isArray(row) ? row[columns.indexOf(name)] : undefined);
  const [index, flags] = [Number(cell("i")), Number(cell("flags") ?? 0)];
  const [symbol, spot, change] = [symbols[index], cell("spot"), cell("change")];
  const ts = frameTs - Number(cell("age_ms"));
  return {
    symbol,
    timestamp: Math.floor(ts / 1000),
    bid: cell("bid"),
    ask: cell("ask"),
    spot,
    change,
    change_pct: cell("change_pct") ?? percentOf(`${change}`, `${spot}`),
    ts,
    seq: Number(cell("seq") ?? seq),
    source: sources[index],
    sources: Number(cell("sources") ?? 1),
    ...(renamed.has(symbol) ? { renamed_to: renamed.get(symbol) } : {}),
    ...(flags & STALE ? { stale: true } : {}),
    ...(flags & SIMULATED ? { simulated: true } : {}),
  };
}

/**
 * 100 x change / (spot - change), to six places, half to even, with six significant digits at least, as the server writes
 * it.
 *
 * @throws SyntaxError: one of them is not a number without an exponent.
 */
export function percentOf(change: string, spot: string): string {
  const split = [change, spot].map((text) => text.split("."));
  const places = Math.max(...split.map(([, fraction = ""]) => fraction.length));
  const [moved = 0n, now = 0n] = split.map(([whole, fraction = ""]) => BigInt(whole + fraction.padEnd(places, "0")));
  const before = now - moved;
  if (!before) return "0";
  // Rounded half up; of two equally near ones the even one is the one below.
  const [twice, unit] = [abs(moved) * 200_000_000n + abs(before), abs(before) * 2n];
  const isTie = twice % unit === 0n;
  const digits = String(twice / unit - (isTie ? (twice / unit) % 2n : 0n));
  if (digits === "0") return digits;
  const padded = digits.padStart(MILLIONTHS + 1, "0");
  const fraction = padded
    .slice(-MILLIONTHS)
    .replace(/0+$/, "")
    .padEnd(DIGITS + MILLIONTHS - digits.length, "0");
  const sign = moved < 0n === before < 0n ? "" : "-";
  return `${sign}${padded.slice(0, -MILLIONTHS)}${fraction && "."}${fraction}`;
}

function abs(number: bigint): bigint {
  return number < 0n ? -number : number;
}
