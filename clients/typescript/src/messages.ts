/** The messages of the channel `rates_batch`, in and out. What the server sends is judged once, here. */

import { answerOf } from "./answers.ts";
import type { AnswerPart, Request } from "./answers.ts";
import { parseExact } from "./exact.ts";
import { isFields, isNumberText, isStrings, isWhole, partsOf, textOf } from "./fields.ts";
import type { Fields, Parts } from "./fields.ts";

/** The whole state of a symbol. Prices have all their digits; `Number(quote.spot)` where a float will do. */
export interface Quote {
  readonly symbol: string;
  /** Unix time of the price, in seconds and in milliseconds. */
  readonly timestamp: number;
  readonly ts: number;
  readonly bid: string;
  readonly ask: string;
  readonly spot: string;
  /** Over the last 24 hours, in CAD and in percent. */
  readonly change: string;
  readonly change_pct: string;
  /** The tick in which it last changed: per symbol the highest is right. */
  readonly seq: number;
  readonly source: string;
  /** How many independent sources agree with the price, its own included; 1 where the server does not say. */
  readonly sources: number;
  readonly renamed_to?: string;
  /** No source has confirmed the price for a while. */
  readonly stale?: boolean;
  /** Not the live market's price. */
  readonly simulated?: boolean;
}

/**
 * Per source `ok`, `down` when it does not answer, or `suspect` when it contradicts the others so often that none of its
 * prices counts. `feed` is no source: it is there, and `late`, where the feed itself has made no tick for a while.
 */
export type SourceStatus = Readonly<Record<string, string>>;

/** Its parts, if it has several, all have the same `seq`. */
export interface Batch extends Parts {
  readonly seq: number;
  readonly ts: number;
  readonly data: readonly Quote[];
  readonly unavailable: readonly string[];
  /** In a snapshot, and in an update when it changed. */
  readonly status?: SourceStatus;
}

export interface Snapshot extends Batch {
  readonly event: "snapshot";
}

export interface Update extends Batch {
  readonly event: "update";
  readonly prev_seq: number;
}

export interface Heartbeat {
  readonly event: "heartbeat";
  readonly ts: number;
  readonly seq: number;
  readonly stale: readonly string[];
  readonly status?: SourceStatus;
}

export interface Rejected {
  readonly symbol: string;
  readonly code: string;
}

export interface Subscribed extends Parts {
  readonly event: "subscribed";
  readonly symbols: readonly string[];
  readonly rejected: readonly Rejected[];
}

/** The server is about to end the connection; a new one is due in so many milliseconds. */
export interface Closing {
  readonly event: "closing";
  readonly reason: string;
  readonly reconnect_in_ms: number;
}

export interface Refusal {
  readonly event: "error";
  readonly code: string;
  readonly message: string;
  readonly retryable: boolean;
  readonly retry_in_ms?: number;
  readonly id?: number | string;
}

export type ServerMessage = Snapshot | Update | Heartbeat | Subscribed | Closing | Refusal | AnswerPart;

export type ClientMessage =
  | { event: "subscribe"; channel: "rates_batch"; symbols?: readonly string[]; id: number }
  | { event: "snapshot"; channel: "rates_batch"; id: number }
  | (Request & { id: number });

/** What a frame says, or nothing when it is none that this client acts on: unknown, of another channel, or broken. */
export function parseMessage(text: string): ServerMessage | undefined {
  let parsed: unknown;
  try {
    parsed = parseExact(text);
  } catch {
    return undefined;
  }
  return isFields(parsed) ? messageOf(parsed) : undefined;
}

function messageOf(frame: Fields): ServerMessage | undefined {
  switch (frame["event"]) {
    case "snapshot":
    case "update":
      return batchOf(frame);
    case "heartbeat":
      return heartbeatOf(frame);
    case "subscribed":
      return subscribedOf(frame);
    case "closing":
      return closingOf(frame);
    case "error":
      return refusalOf(frame);
    case "history":
    case "assets":
    case "explain":
    case "pong":
      return answerOf(frame);
    case undefined:
      return gatewayErrorOf(frame);
    default:
      return undefined;
  }
}

function batchOf(frame: Fields): Snapshot | Update | undefined {
  const { seq, ts, prev_seq: prevSeq, data, unavailable = [] } = frame;
  const parts = partsOf(frame);
  if (frame["channel"] !== "rates_batch" || !isWhole(seq) || !Array.isArray(data) || !parts) return undefined;
  if (!data.every(isQuote) || !isStrings(unavailable)) return undefined;
  const quotes = data.map((quote) => ({ sources: 1, ...quote }));
  const batch = { seq, ts: isWhole(ts) ? ts : 0, data: quotes, unavailable, ...parts, ...statusOf(frame) };
  if (frame["event"] === "snapshot") return { event: "snapshot", ...batch };
  return isWhole(prevSeq) ? { event: "update", prev_seq: prevSeq, ...batch } : undefined;
}

function heartbeatOf(frame: Fields): Heartbeat | undefined {
  const { seq, ts, stale = [] } = frame;
  if (!isWhole(seq) || !isStrings(stale)) return undefined;
  return { event: "heartbeat", ts: isWhole(ts) ? ts : 0, seq, stale, ...statusOf(frame) };
}

function subscribedOf(frame: Fields): Subscribed | undefined {
  const { channel, symbols = [], rejected = [] } = frame;
  const parts = partsOf(frame);
  if (channel !== "rates_batch" || !parts || !isStrings(symbols)) return undefined;
  return { event: "subscribed", symbols, rejected: Array.isArray(rejected) ? rejected.filter(isRejected) : [], ...parts };
}

function closingOf(frame: Fields): Closing | undefined {
  const { reason, reconnect_in_ms: inMs } = frame;
  return isWhole(inMs) ? { event: "closing", reason: textOf(reason), reconnect_in_ms: inMs } : undefined;
}

function refusalOf(frame: Fields): Refusal {
  const { code, message, retryable, retry_in_ms: inMs, id } = frame;
  return {
    event: "error",
    code: textOf(code),
    message: textOf(message),
    retryable: retryable === true,
    ...(isWhole(inMs) ? { retry_in_ms: inMs } : {}),
    ...(typeof id === "number" || typeof id === "string" ? { id } : {}),
  };
}

/** What API Gateway itself sends when the function behind it failed: it has no `event`. */
function gatewayErrorOf(frame: Fields): Refusal | undefined {
  const { message, requestId } = frame;
  if (typeof message !== "string" || typeof requestId !== "string") return undefined;
  return { event: "error", code: "internal", message, retryable: true };
}

function statusOf({ status }: Fields): { status?: SourceStatus } {
  if (!isFields(status)) return {};
  return { status: Object.fromEntries(Object.entries(status).map(([name, word]) => [name, textOf(word)])) };
}

function isQuote(value: unknown): value is Omit<Quote, "sources"> & Partial<Quote> {
  if (!isFields(value)) return false;
  const { symbol, timestamp, ts, bid, ask, spot, change, change_pct: changePct, seq, source } = value;
  const { sources = 1, renamed_to: renamedTo = "", stale = false, simulated = false } = value;
  return (
    [bid, ask, spot, change, changePct].every(isNumberText) &&
    [timestamp, ts, seq, sources].every(isWhole) &&
    [symbol, source, renamedTo].every((text) => typeof text === "string") &&
    [stale, simulated].every((flag) => typeof flag === "boolean")
  );
}

function isRejected(value: unknown): value is Rejected {
  return isFields(value) && typeof value["symbol"] === "string" && typeof value["code"] === "string";
}
