/**
 * The feed's client for browsers and Node 22 and newer, without dependencies.
 *
 * ```ts
 * import { Feed } from "./clients/typescript/src/index.ts";
 *
 * const feed = new Feed("wss://localhost:8000/markets/ws/", { symbols: ["BTC_CAD", "SHIB_CAD"] });
 *
 * for await (const quote of feed) {
 *   console.log(quote.symbol, quote.spot, quote.stale ? "stale" : "");
 * }
 * ```
 *
 * It reconnects, subscribes again, repairs what was missed, and keeps all digits of a price: they are strings. Candles
 * come from `await feed.request({ event: "history", symbol: "BTC_CAD", interval: "1m" })`; `await feed.explain("BTC_CAD")`
 * tells why a price is what it is.
 */

export type {
  Answers,
  Asset,
  AssetsRequest,
  ExplainRequest,
  History,
  HistoryRequest,
  Interval,
  PingRequest,
  Pong,
  Request,
  Snapshot,
  SnapshotRequest,
  Trends,
  TrendsRequest,
} from "./answers.ts";
export type { Book } from "./book.ts";
export type { Candle } from "./candle.ts";
export { isBackfilled } from "./candle.ts";
export { FeedError, Refused, RequestError } from "./errors.ts";
export type { Candidate, Explanation } from "./explanation.ts";
export type { Change, Heard, Observer, Options, Withdrawn } from "./feed.ts";
export { Feed } from "./feed.ts";
export type { FeedStatus } from "./messages.ts";
export type { Quote } from "./quote.ts";
export type { Link, State } from "./session.ts";
export { steadyNow } from "./steady.ts";
export type { Token } from "./token.ts";
