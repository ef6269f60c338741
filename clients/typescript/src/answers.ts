/** What a program may ask the feed for besides quotes, and the answers. `Feed` loads it with the first such request. */

import type { Candle } from "./candle.ts";
import type { Explanation } from "./explanation.ts";
import { isExplanation } from "./explanation.ts";
import type { Fields, Parts } from "./fields.ts";
import { isFields, isNumberText, isWhole, partsOf, textOf } from "./fields.ts";
import type { Quote } from "./quote.ts";

export type Interval = "1m" | "1h" | "1d";

/** Candles, oldest first: those in `candles` are final, the one `inProgress` may still change. */
export interface History {
  readonly candles: readonly Candle[];
  readonly inProgress?: Candle;
}

/**
 * For each symbol its closes in CAD, oldest first, one per `interval`, to draw a small line of its last day.
 *
 * The newest one ended at `untilMs` (0: there are none yet). They are rounded to five digits. Null: no candle.
 */
export interface Trends {
  readonly interval: string;
  readonly untilMs: number;
  readonly closes: Readonly<Record<string, readonly (string | null)[]>>;
}

/** An asset of the catalogue; `decimals` are the places to show of its price. */
export interface Asset {
  readonly symbol: string;
  readonly name: string;
  readonly decimals: number;
  readonly status: string;
  readonly renamed_to?: string;
}

/** The whole state of the subscription, as of tick `seq` at `ts` (Unix milliseconds). */
export interface Snapshot {
  readonly seq: number;
  readonly ts: number;
  readonly quotes: readonly Quote[];
  readonly unavailable: readonly string[];
}

/** The server's time, in Unix milliseconds. */
export interface Pong {
  readonly ts: number;
}

export interface HistoryRequest {
  readonly event: "history";
  readonly symbol: string;
  readonly interval: Interval;
  /** How many; the server says what it allows, and decides without it. */
  readonly limit?: number;
  /** Only candles that began before this time, in Unix milliseconds. */
  readonly before?: number;
}

/** The last day of every symbol, as hourly closes. */
export interface TrendsRequest {
  readonly event: "trends";
}

/** Every asset that the feed carries, in its order. */
export interface AssetsRequest {
  readonly event: "assets";
}

/** Why the price of this symbol is what it is. The symbol need not be subscribed. */
export interface ExplainRequest {
  readonly event: "explain";
  readonly symbol: string;
}

/** The whole state of the subscription, as the server has it now. */
export interface SnapshotRequest {
  readonly event: "snapshot";
  /** Gives way to the channel of the connection. */
  readonly channel: "rates_batch";
}

/** Whether the server answers, and its time. */
export interface PingRequest {
  readonly event: "ping";
}

/** Something to ask with `Feed.request`. */
export type Request = HistoryRequest | TrendsRequest | AssetsRequest | ExplainRequest | SnapshotRequest | PingRequest;

/** The answer to each request. */
export interface Answers {
  readonly history: History;
  readonly trends: Trends;
  readonly assets: readonly Asset[];
  readonly explain: Explanation;
  readonly snapshot: Snapshot;
  readonly ping: Pong;
}

interface Identified extends Parts {
  readonly id: number;
}

export interface HistoryPart extends Identified, History {
  readonly event: "history";
}

export interface TrendsPart extends Identified, Omit<Trends, "closes"> {
  readonly event: "trends";
  readonly rows: readonly (readonly [string, readonly (string | null)[]])[];
}

export interface AssetsPart extends Identified {
  readonly event: "assets";
  readonly assets: readonly Asset[];
}

export interface ExplainPart extends Identified {
  readonly event: "explain";
  readonly explanation: Explanation;
}

export interface SnapshotPart extends Identified {
  readonly event: "snapshot";
  readonly seq: number;
  readonly ts: number;
  readonly data: readonly Quote[];
  readonly unavailable: readonly string[];
}

/** A frame that answers a request, or is a part of its answer. */
export type AnswerPart = HistoryPart | TrendsPart | AssetsPart | ExplainPart | SnapshotPart;

/** Reads the parts of answers, and puts them together. */
export interface AnswerReader {
  readonly answerOf: typeof answerOf;
  readonly joined: typeof joined;
}

/** A part of an answer, or nothing when the frame is another one or broken, or its `id` is not this client's. */
export function answerOf(frame: Fields): AnswerPart | undefined {
  const { event, id } = frame;
  const parts = partsOf(frame);
  if (!isWhole(id) || !parts) return undefined;
  const part = { id, ...parts };
  switch (event) {
    case "history":
      return historyOf(frame, part);
    case "trends":
      return trendsOf(frame, part);
    case "assets":
      return assetsOf(frame, part);
    case "explain":
      return explainOf(frame, part);
    default:
      return undefined;
  }
}

/** The whole answer from all its parts, in whatever order they came. All have the kind of the request. */
export function joined(parts: readonly AnswerPart[]): Answers[keyof Answers] {
  const inOrder = parts.toSorted((a, b) => a.part - b.part);
  type Rows<Row> = Readonly<Record<string, Row | readonly Row[]>>;
  const all = <Row>(name: string) => inOrder.flatMap((part) => (part as unknown as Rows<Row>)[name] ?? []);
  const first = inOrder[0] as AnswerPart;
  switch (first.event) {
    case "history": {
      const [inProgress] = all<Candle>("inProgress");
      return { candles: all("candles"), ...(inProgress ? { inProgress } : {}) };
    }
    case "trends":
      return { interval: first.interval, untilMs: first.untilMs, closes: Object.fromEntries(all("rows")) };
    case "assets":
      return all("assets");
    case "explain":
      return first.explanation;
    case "snapshot":
      return { seq: first.seq, ts: first.ts, quotes: all("data"), unavailable: all("unavailable") };
  }
}

function historyOf(frame: Fields, id: Identified): HistoryPart | undefined {
  const { candles, in_progress: row } = frame;
  if (!Array.isArray(candles)) return undefined;
  // A server that does not count ticks sends none.
  const { ticks = candles.map(() => undefined) } = frame;
  if (!Array.isArray(ticks) || ticks.length !== candles.length) return undefined;
  const closed = candles.map((candle, index) => candleOf(candle, ticks[index]));
  const inProgress = row === undefined ? undefined : candleOf(row, frame["in_progress_ticks"]);
  // A candle that is left out would be a hole in the chart that nobody notices.
  if (!closed.every((candle) => candle !== undefined) || (row !== undefined && !inProgress)) return undefined;
  return { event: "history", candles: closed, ...(inProgress ? { inProgress } : {}), ...id };
}

function candleOf(row: unknown, ticks: unknown): Candle | undefined {
  if (!Array.isArray(row)) return undefined;
  const [openMs, open, high, low, close] = row as unknown[];
  if (!isWhole(openMs) || !isNumberText(open) || !isNumberText(high) || !isNumberText(low) || !isNumberText(close)) {
    return undefined;
  }
  // In a list, numbers come as text (see exact.ts).
  const count = ticks === null || ticks === undefined ? undefined : Number(ticks);
  return count === undefined || isWhole(count) ? { openMs, open, high, low, close, ticks: count } : undefined;
}

function trendsOf({ interval, until, trends }: Fields, id: Identified): TrendsPart | undefined {
  if (!isWhole(until) || !Array.isArray(trends) || !trends.every(isTrend)) return undefined;
  const rows = trends.map(([symbol, ...closes]) => [symbol, closes] as const);
  return { event: "trends", interval: textOf(interval), untilMs: until, rows, ...id };
}

function isTrend(row: unknown): row is [string, ...(string | null)[]] {
  return (
    Array.isArray(row) &&
    typeof row[0] === "string" &&
    row.slice(1).every((close) => close === null || isNumberText(close))
  );
}

function assetsOf({ assets }: Fields, id: Identified): AssetsPart | undefined {
  if (!Array.isArray(assets)) return undefined;
  return { event: "assets", assets: assets.map(assetOf).filter((asset) => asset !== undefined), ...id };
}

function explainOf(frame: Fields, ids: Identified): ExplainPart | undefined {
  if (!isExplanation(frame)) return undefined;
  const { event, id, part, parts, ...explanation } = frame;
  return { event: "explain", explanation, ...ids };
}

function assetOf(value: unknown): Asset | undefined {
  if (!isFields(value)) return undefined;
  const { symbol, name, decimals, status, renamed_to: renamedTo } = value;
  if (typeof symbol !== "string" || typeof name !== "string" || !isWhole(decimals)) return undefined;
  const renamed = typeof renamedTo === "string" ? { renamed_to: renamedTo } : {};
  return { symbol, name, decimals, status: textOf(status), ...renamed };
}
