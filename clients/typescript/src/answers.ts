/** What may be asked of the feed besides quotes, and its answers. */

import { isExplanation } from "./explanation.ts";
import type { Explanation } from "./explanation.ts";
import { isFields, isNumberText, isWhole, partsOf, textOf } from "./fields.ts";
import type { Fields, Parts } from "./fields.ts";

export type Interval = "1m" | "1h" | "1d";

/** First, highest, lowest and last `spot` in CAD, every digit of them, of the interval that began at `openMs` (UTC). */
export interface Candle {
  readonly openMs: number;
  readonly open: string;
  readonly high: string;
  readonly low: string;
  readonly close: string;
}

/** Candles, oldest first: those in `candles` are final, the one `inProgress` may still change. */
export interface History {
  readonly candles: readonly Candle[];
  readonly inProgress?: Candle;
}

/** An asset of the catalogue; `decimals` are the places to show of its price. */
export interface Asset {
  readonly symbol: string;
  readonly name: string;
  readonly decimals: number;
  readonly status: string;
  readonly renamed_to?: string;
}

export type Request =
  | {
      readonly event: "history";
      readonly symbol: string;
      readonly interval: Interval;
      /** From 1 to 500. */
      readonly limit?: number;
      /** Only candles that began before this time, in Unix milliseconds. */
      readonly before?: number;
    }
  | { readonly event: "assets" }
  /** Why the price of this symbol is what it is. */
  | { readonly event: "explain"; readonly symbol: string }
  | { readonly event: "ping" };

/** What each request is answered with. */
export interface Answers {
  readonly history: History;
  readonly assets: readonly Asset[];
  readonly explain: Explanation;
  /** The server's time, in Unix milliseconds. */
  readonly ping: { readonly ts: number };
}

interface Identified extends Parts {
  readonly id: number;
}

export interface HistoryPart extends Identified, History {
  readonly event: "history";
}

export interface AssetsPart extends Identified {
  readonly event: "assets";
  readonly assets: readonly Asset[];
}

export interface ExplainPart extends Identified {
  readonly event: "explain";
  readonly explanation: Explanation;
}

export interface Pong extends Identified {
  readonly event: "pong";
  readonly ts: number;
}

/** A frame that answers a request, or is a part of its answer. */
export type AnswerPart = HistoryPart | AssetsPart | ExplainPart | Pong;

/** A part of an answer, or nothing when the frame is broken or its `id` is none of this client's. */
export function answerOf(frame: Fields): AnswerPart | undefined {
  const { event, id, ts } = frame;
  const parts = partsOf(frame);
  if (!isWhole(id) || !parts) return undefined;
  switch (event) {
    case "history":
      return historyOf(frame, { id, ...parts });
    case "assets":
      return assetsOf(frame, { id, ...parts });
    case "explain":
      return explainOf(frame, { id, ...parts });
    default:
      return { event: "pong", ts: isWhole(ts) ? ts : 0, id, ...parts };
  }
}

/** The whole of an answer from all its parts, in whatever order they came. */
export function joined(parts: readonly AnswerPart[]): Answers[keyof Answers] {
  const inOrder = parts.toSorted((a, b) => a.part - b.part);
  const [first] = inOrder;
  if (first?.event === "history") {
    const rows = inOrder.filter((part) => part.event === "history");
    const last = rows.find(({ inProgress }) => inProgress)?.inProgress;
    return { candles: rows.flatMap(({ candles }) => candles), ...(last ? { inProgress: last } : {}) };
  }
  if (first?.event === "assets") return inOrder.flatMap((part) => (part.event === "assets" ? part.assets : []));
  return first?.event === "explain" ? first.explanation : { ts: first?.ts ?? 0 };
}

function historyOf({ candles, in_progress: row }: Fields, id: Identified): HistoryPart | undefined {
  if (!Array.isArray(candles)) return undefined;
  const closed = candles.map(candleOf);
  const inProgress = row === undefined ? undefined : candleOf(row);
  // A candle that is left out would be a hole in the chart that nobody knows of.
  if (!closed.every((candle) => candle !== undefined) || (row !== undefined && !inProgress)) return undefined;
  return { event: "history", candles: closed, ...(inProgress ? { inProgress } : {}), ...id };
}

function candleOf(row: unknown): Candle | undefined {
  if (!Array.isArray(row)) return undefined;
  const [openMs, open, high, low, close] = row as unknown[];
  if (!isWhole(openMs) || !isNumberText(open) || !isNumberText(high) || !isNumberText(low) || !isNumberText(close)) {
    return undefined;
  }
  return { openMs, open, high, low, close };
}

function assetsOf({ assets }: Fields, id: Identified): AssetsPart | undefined {
  if (!Array.isArray(assets)) return undefined;
  const known = assets.map(assetOf).filter((asset) => asset !== undefined);
  return { event: "assets", assets: known, ...id };
}

function explainOf(frame: Fields, id: Identified): ExplainPart | undefined {
  if (!isExplanation(frame)) return undefined;
  const { symbol, seq, ts, reference, dispersion, band, sources, candidates } = frame;
  const explanation = { symbol, seq, ts, reference, dispersion, band, sources, candidates };
  return { event: "explain", explanation, ...id };
}

function assetOf(value: unknown): Asset | undefined {
  if (!isFields(value)) return undefined;
  const { symbol, name, decimals, status, renamed_to: renamedTo } = value;
  if (typeof symbol !== "string" || typeof name !== "string" || !isWhole(decimals)) return undefined;
  const renamed = typeof renamedTo === "string" ? { renamed_to: renamedTo } : {};
  return { symbol, name, decimals, status: textOf(status), ...renamed };
}
