/** The messages of the channels `rates_compact` and `rates_batch`, in and out. What the server sends is judged once, here. */

import type { AnswerPart, AnswerReader, Pong, Request, SnapshotRequest } from "./answers.ts";
import type { Channel } from "./compact.ts";
import { Legends } from "./compact.ts";
import { parseExact } from "./exact.ts";
import type { Fields, Parts } from "./fields.ts";
import { isFields, isStrings, isWhole, partsOf, textOf } from "./fields.ts";
import type { Quote } from "./quote.ts";
import { isQuote } from "./quote.ts";

/** What the feed says about itself. */
export interface FeedStatus {
  /**
   * Per source `ok`, `down` when it does not answer, or `suspect` when it contradicts the others so often that none of its
   * prices counts; empty until the feed says.
   */
  readonly sources: Readonly<Record<string, string>>;
  /** The feed itself has made no tick for a while: no price can be relied on. */
  readonly late: boolean;
}

/** All parts of one have the same `seq`. */
export interface Batch extends Parts {
  readonly seq: number;
  readonly ts: number;
  readonly data: readonly Quote[];
  readonly unavailable: readonly string[];
  /** In a snapshot, and in an update when it changed. */
  readonly status?: FeedStatus;
}

export interface SnapshotFrame extends Batch {
  readonly event: "snapshot";
  /** The `id` of the request that it answers, or NaN. */
  readonly id: number;
}

export interface UpdateFrame extends Batch {
  readonly event: "update";
  readonly prev_seq: number;
}

export interface Heartbeat {
  readonly event: "heartbeat";
  readonly ts: number;
  readonly seq: number;
  readonly stale: readonly string[];
  readonly status?: FeedStatus;
}

export interface Subscribed extends Parts {
  readonly event: "subscribed";
  readonly symbols: readonly string[];
  /** The symbols that do not exist. */
  readonly rejected: readonly string[];
}

/** The server is about to end the connection; a new one is due in `reconnect_in_ms` milliseconds. */
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

/** Answers `ping`. */
export interface PongFrame extends Pong {
  readonly event: "pong";
  readonly id: number;
}

export type ServerMessage =
  | SnapshotFrame
  | UpdateFrame
  | Heartbeat
  | Subscribed
  | Closing
  | Refusal
  | PongFrame
  | AnswerPart;

export type ClientMessage =
  | { event: "subscribe"; channel: Channel; symbols?: readonly string[]; every?: number; id: number }
  | (Exclude<Request, SnapshotRequest> & { id: number })
  | { event: "snapshot"; channel: Channel; id: number };

/**
 * What a frame says, or nothing when this client does not act on it: unknown, of another channel, or broken. `legends` are
 * those of its connection. Without a `reader` it acts on no answer but that to `ping`.
 */
export function parseMessage(text: string, legends: Legends, reader?: AnswerReader): ServerMessage | undefined {
  try {
    const parsed = parseExact(text);
    return isFields(parsed) ? messageOf(parsed, legends, reader) : undefined;
  } catch {
    return undefined;
  }
}

function messageOf(frame: Fields, legends: Legends, reader?: AnswerReader): ServerMessage | undefined {
  switch (frame["event"]) {
    case "snapshot":
    case "update":
      return batchOf(frame, legends);
    case "heartbeat":
      return heartbeatOf(frame);
    case "subscribed":
      return subscribedOf(frame);
    case "closing":
      return closingOf(frame);
    case "error":
      return refusalOf(frame);
    case "pong":
      return pongOf(frame);
    case undefined:
      return gatewayErrorOf(frame);
    default:
      return reader?.answerOf(frame);
  }
}

/**
 * A frame without its legend tells no prices, also one with the whole view. It becomes an update that follows nothing that is
 * known: the client sees a gap, and asks for a snapshot, which states the legend.
 */
function batchOf(frame: Fields, legends: Legends): SnapshotFrame | UpdateFrame | undefined {
  const { channel, event, seq, ts, unavailable = [], id } = frame;
  const told = channel === "rates_compact" ? legends.quotesOf(frame) : frame["data"];
  const isUnexplained = !told && channel === "rates_compact";
  const [data, prevSeq] = isUnexplained ? [[], seq] : [told, frame["prev_seq"]];
  const parts = partsOf(frame);
  if (!isRead(channel) || !isWhole(seq) || !Array.isArray(data) || !parts) return undefined;
  if (!data.every(isQuote) || !isStrings(unavailable)) return undefined;
  const quotes = data.map((quote) => ({ sources: 1, ...quote }));
  const batch = { seq, ts: isWhole(ts) ? ts : 0, data: quotes, unavailable, ...parts, ...statusOf(frame) };
  if (!isUnexplained && event === "snapshot") return { event: "snapshot", ...batch, id: Number(id) };
  return isWhole(prevSeq) ? { event: "update", prev_seq: prevSeq, ...batch } : undefined;
}

/** The document with the prices, which has the fields of a snapshot. */
export function snapshotOf(document: Fields): SnapshotFrame | undefined {
  const frame = batchOf({ ...document, channel: "rates_batch", event: "snapshot" }, new Legends());
  return frame?.event === "snapshot" ? frame : undefined;
}

function isRead(channel: unknown): channel is Channel {
  return channel === "rates_compact" || channel === "rates_batch";
}

function heartbeatOf(frame: Fields): Heartbeat | undefined {
  const { seq, ts, stale = [] } = frame;
  if (!isWhole(seq) || !isStrings(stale)) return undefined;
  return { event: "heartbeat", ts: isWhole(ts) ? ts : 0, seq, stale, ...statusOf(frame) };
}

function subscribedOf(frame: Fields): Subscribed | undefined {
  const { channel, symbols = [], rejected = [] } = frame;
  const parts = partsOf(frame);
  if (!isRead(channel) || !parts || !isStrings(symbols)) return undefined;
  return {
    event: "subscribed",
    symbols,
    rejected: Array.isArray(rejected) ? rejected.map((each) => textOf(each?.symbol)) : [],
    ...parts,
  };
}

function closingOf(frame: Fields): Closing | undefined {
  const { reason, reconnect_in_ms: inMs } = frame;
  return isWhole(inMs) ? { event: "closing", reason: textOf(reason), reconnect_in_ms: inMs } : undefined;
}

function pongOf({ ts, id }: Fields): PongFrame | undefined {
  return isWhole(id) ? { event: "pong", id, ts: isWhole(ts) ? ts : 0 } : undefined;
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

function statusOf({ status }: Fields): { status?: FeedStatus } {
  if (!isFields(status)) return {};
  const { feed, ...words } = status;
  const sources = Object.fromEntries(Object.entries(words).map(([name, word]) => [name, textOf(word)]));
  return { status: { sources, late: feed === "late" } };
}
