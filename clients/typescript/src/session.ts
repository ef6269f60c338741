/**
 * The protocol, without a socket or a timer: what happens goes in with its time, what to do comes out.
 *
 * A session has one connection, or two for a short while: when the server says that it will end the connection, the
 * session opens the next one first, and leaves the old one when the new one has told the whole state.
 */

import type { AnswerReader, Request } from "./answers.ts";
import { Book } from "./book.ts";
import { Connection, IDS } from "./connection.ts";
import { Refused } from "./errors.ts";
import type { ClientMessage, Closing, Heartbeat, Refusal, SnapshotFrame, UpdateFrame } from "./messages.ts";
import { parseMessage } from "./messages.ts";
import type { Polled } from "./polling.ts";
import type { Quote } from "./quote.ts";
import type { Settled } from "./requests.ts";
import { Requests } from "./requests.ts";

// Full jitter, so that many clients do not return in step.
// https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
const BACKOFF_BASE_MS = 500;
const BACKOFF_CAP_MS = 30_000;
/** A connection that lasted this long resets the back-off. */
const STEADY_MS = 10_000;
/** The server ends the connection ten minutes after it said that it would. */
const LONGEST_HANDOVER_MS = 480_000;
/** A connection that is lost and made again within this time needs no help. */
const POLL_AFTER_MS = 3_000;
const NEVER = Number.POSITIVE_INFINITY;

/** `polling`: no socket can be opened, and the prices come over HTTP meanwhile. `reason` is why the last connection ended, or what the server complained of. */
export type State =
  | { readonly link: "connecting" | "live" | "polling" | "closed"; readonly reason: string }
  | { readonly link: "reconnecting"; readonly reason: string; readonly inMs: number };

/** The state of the connection, as a word. */
export type Link = State["link"];

export type Command =
  | { readonly do: "open"; readonly connection: number }
  | { readonly do: "send"; readonly connection: number; readonly message: ClientMessage }
  | { readonly do: "close"; readonly connection: number }
  | { readonly do: "poll" };

/** What an input led to: commands to carry out in this order, and what changed in the book. */
export interface Outcome {
  readonly commands: readonly Command[];
  readonly changed: readonly Quote[];
  readonly withdrawn: readonly string[];
  /** The changes came with a snapshot: they tell the current state, not that prices just moved. */
  readonly isSnapshot: boolean;
  /** The server's time of the frame's tick, in Unix milliseconds; 0 when it has none. */
  readonly ts: number;
  /** Requests that have ended. */
  readonly settled: readonly Settled[];
}

export class Session {
  readonly book = new Book();
  error: Refused | undefined;
  /** Has to be there before a request, unless that is a ping. */
  reader: AnswerReader | undefined;

  readonly #symbols: readonly string[] | undefined;
  #every: number | undefined;
  readonly #random: () => number;
  readonly #polls: boolean;
  readonly #requests = new Requests();
  #main: Connection | undefined;
  #successor: Connection | undefined;
  #opened = 0;
  #attempt = 0;
  #retryAt = NEVER;
  #retryInMs = 0;
  #handoverAt = NEVER;
  #pollAt = NEVER;
  /** The document with the prices has been asked for. */
  #isAsked = false;
  #isPolling = false;
  #startsOver = false;
  #reason = "";
  #isClosed = false;
  #commands: Command[] = [];

  /**
   * `symbols`: only these, all when there are none. `random`: a number from 0 to 1. `every`: the seconds between two
   * frames; without it there is one in each tick. `polls`: the commands may ask for the document with the prices.
   */
  constructor(symbols?: readonly string[], random: () => number = Math.random, every?: number, polls = false) {
    this.#polls = polls;
    this.#symbols = symbols;
    this.#every = every;
    this.#random = random;
  }

  get state(): State {
    const reason = this.#reason;
    if (this.#isClosed) return { link: "closed", reason };
    if (this.#isPolling) return { link: "polling", reason };
    if (!this.#main) return { link: "reconnecting", reason, inMs: this.#retryInMs };
    return { link: this.#main.isLive ? "live" : "connecting", reason };
  }

  /** When `elapsed` has to be called, unless something else happens before. */
  get wakeAt(): number {
    const times = this.#connections().map(({ wakeAt }) => wakeAt);
    return Math.min(this.#retryAt, this.#handoverAt, this.#pollAt, this.#requests.wakeAt(this.#main), ...times);
  }

  start(now: number): Outcome {
    this.#main = this.#open(now);
    this.#pollLater(now);
    return this.#outcome();
  }

  opened(number: number, now: number): Outcome {
    this.#find(number)?.opened(now);
    return this.#outcome();
  }

  /** Hear frames at another pace from now on. */
  paced(every: number | undefined, now: number): Outcome {
    this.#every = every;
    for (const connection of this.#connections()) connection.change(every, now);
    if (this.#isPolling && this.#pollAt !== NEVER) this.#pollAt = now;
    return this.#outcome();
  }

  received(number: number, text: string, now: number): Outcome {
    const connection = this.#find(number);
    if (!connection) return this.#outcome();
    connection.heard(now);
    const message = parseMessage(text, connection.legends, this.reader);
    switch (message?.event) {
      case "subscribed":
        this.book.rejected = message.rejected;
        this.#isServed(connection);
        return this.#outcome();
      case "snapshot":
        return this.#snapshot(connection, message, now);
      case "update":
        return this.#update(connection, message, now);
      case "heartbeat":
        return this.#heartbeat(message);
      case "closing":
        return this.#closing(connection, message, now);
      case "error":
        return this.#refused(connection, message, now);
      case "pong":
        this.#requests.ponged(message);
        return this.#outcome();
      default:
        if (message) this.#requests.answered(message, this.reader);
        return this.#outcome();
    }
  }

  /** Ask for something. Its end comes out under this key, which is the caller's. */
  request(key: number, request: Request, now: number): Outcome {
    this.#requests.add(key, request, now);
    if (this.#isClosed) this.#requests.close(this.error);
    this.#requests.look(now, this.#main);
    return this.#outcome();
  }

  /** Nobody waits for this request any more. */
  cancel(key: number): Outcome {
    this.#requests.cancel(key);
    return this.#outcome();
  }

  /** A connection ended or could not be made; `reason` is for people. */
  lost(number: number, reason: string, now: number): Outcome {
    const connection = this.#find(number);
    if (connection) this.#lose(connection, reason, now);
    return this.#outcome();
  }

  /** The network is back: try again now instead of later. */
  hasten(now: number): Outcome {
    if (this.#retryAt !== NEVER) this.#retryAt = now;
    return this.elapsed(now);
  }

  /** Time has passed. */
  elapsed(now: number): Outcome {
    for (const connection of this.#connections()) {
      const reason = connection.look(now);
      if (reason === undefined) continue;
      this.#leave(connection);
      this.#lose(connection, reason, now);
    }
    if (now >= this.#retryAt) {
      this.#retryAt = NEVER;
      this.#main = this.#open(now);
    }
    if (now >= this.#handoverAt) {
      this.#handoverAt = NEVER;
      this.#successor = this.#open(now);
    }
    if (now >= this.#pollAt) {
      this.#pollAt = NEVER;
      this.#isAsked = true;
      this.#commands.push({ do: "poll" });
    }
    this.#requests.look(now, this.#main);
    return this.#outcome();
  }

  /** The document with the prices has come, or has not: so it is asked for until a socket serves again. */
  polled({ frame, rejected = [], isLate = false, inMs }: Polled, now: number): Outcome {
    if (!this.#isAsked) return this.#outcome();
    this.#isAsked = false;
    this.#pollAt = now + Math.max(inMs, frame ? (this.#every ?? 0) * 1000 : 0);
    this.#isPolling = frame !== undefined || (isLate && this.#isPolling);
    const { book } = this;
    if (isLate) book.status = { ...book.status, late: true };
    if (!frame) return this.#outcome();
    const { data, unavailable, seq, ts } = frame;
    // A lower tick of a later time: the feed counts from one again. Otherwise it is a cache that is behind.
    if (seq < book.seq && ts > book.heardTs) book.startOver();
    book.hear(frame);
    book.rejected = rejected;
    const changed = book.take(data, frame);
    const listed = new Set([...data.map(({ symbol }) => symbol), ...unavailable]);
    const withdrawn = [...book.withdraw(unavailable, seq), ...book.keepOnly(listed, seq)];
    return this.#outcome({ changed, withdrawn, isSnapshot: true, ts });
  }

  close(): Outcome {
    if (!this.#isClosed) this.#end("");
    return this.#outcome();
  }

  #snapshot(connection: Connection, frame: SnapshotFrame, now: number): Outcome {
    this.#tells(connection, frame, now);
    this.book.hear(frame);
    this.#requests.answered(frame, this.reader);
    const changed = this.book.take(frame.data, frame);
    const withdrawn = this.book.withdraw(frame.unavailable, frame.seq);
    const listed = connection.chain.snapshot(frame);
    if (listed) {
      this.#settled(connection);
      withdrawn.push(...this.book.keepOnly(listed, frame.seq));
    }
    return this.#outcome({ changed, withdrawn, isSnapshot: true, ts: frame.ts });
  }

  #update(connection: Connection, frame: UpdateFrame, now: number): Outcome {
    this.#tells(connection, frame, now);
    this.book.hear(frame);
    connection.update(frame, now);
    const changed = this.book.take(frame.data, frame);
    return this.#outcome({ changed, withdrawn: this.book.withdraw(frame.unavailable, frame.seq), ts: frame.ts });
  }

  #heartbeat(frame: Heartbeat): Outcome {
    const { seq, ts, stale } = frame;
    this.book.hear(frame);
    return this.#outcome({ changed: this.book.markStale(stale, seq), ts });
  }

  #closing(connection: Connection, { reconnect_in_ms: inMs }: Closing, now: number): Outcome {
    if (connection === this.#main && !this.#successor && this.#handoverAt === NEVER) {
      this.#handoverAt = now + Math.min(inMs, LONGEST_HANDOVER_MS);
    }
    return this.#outcome();
  }

  #refused(connection: Connection, refusal: Refusal, now: number): Outcome {
    if (this.#requests.refused(refusal, connection, now, this.#random)) return this.#outcome();
    if (connection.fallBack(refusal, now)) return this.#outcome();
    const reason = `The server says: ${refusal.message}`;
    if (connection === this.#main) this.#reason = reason;
    if (refusal.retryable) {
      connection.putOff(refusal, now, this.#random());
    } else if (refusal.id === IDS.subscribe) {
      this.error = new Refused(refusal.code, refusal.message);
      this.#end(reason);
    }
    return this.#outcome();
  }

  #isServed(connection: Connection): void {
    connection.isLive = true;
    if (connection === this.#main) this.#reason = "";
  }

  /** Prices come over this connection. A document may have told more by then, so its first frames may be old. */
  #tells(connection: Connection, { seq, ts }: SnapshotFrame | UpdateFrame, now: number): void {
    this.#isServed(connection);
    if (connection !== this.#main) return;
    this.#stopPolling();
    const { book } = this;
    if (seq < book.seq && ts <= book.heardTs && now - connection.since < STEADY_MS) return;
    if (this.#startsOver) book.startOver();
    this.#startsOver = false;
  }

  #pollLater(now: number): void {
    if (this.#polls && this.#pollAt === NEVER && !this.#isAsked) this.#pollAt = now + POLL_AFTER_MS;
  }

  #stopPolling(): void {
    this.#pollAt = NEVER;
    this.#isAsked = this.#isPolling = false;
  }

  /** The whole state has come over this connection. */
  #settled(connection: Connection): void {
    connection.answered();
    if (connection !== this.#successor) return;
    if (this.#main) this.#leave(this.#main);
    this.#main = connection;
    this.#successor = undefined;
    this.#attempt = 0;
    this.#reason = "";
  }

  #lose(connection: Connection, reason: string, now: number): void {
    if (connection.isLive && now - connection.since >= STEADY_MS) this.#attempt = 0;
    if (connection === this.#successor) {
      this.#successor = undefined;
      // The main connection still serves; it will be over soon enough.
      this.#handoverAt = now + this.#backoff();
      return;
    }
    this.#main = this.#successor;
    this.#successor = undefined;
    this.#handoverAt = NEVER;
    this.#reason = reason;
    if (this.#main) return;
    this.#retryInMs = this.#backoff();
    this.#retryAt = now + this.#retryInMs;
    this.#pollLater(now);
  }

  #backoff(): number {
    return this.#random() * Math.min(BACKOFF_CAP_MS, BACKOFF_BASE_MS * 2 ** Math.min(this.#attempt++, 16));
  }

  #open(now: number): Connection {
    // While another connection is open, the server still counts the ticks that the book knows.
    this.#startsOver ||= !this.#main;
    const number = ++this.#opened;
    this.#commands.push({ do: "open", connection: number });
    return new Connection(number, this.#symbols, this.#every, now, (message) =>
      this.#commands.push({ do: "send", connection: number, message }),
    );
  }

  #leave({ number }: Connection): void {
    this.#commands.push({ do: "close", connection: number });
  }

  #end(reason: string): void {
    for (const connection of this.#connections()) this.#leave(connection);
    this.#main = this.#successor = undefined;
    this.#retryAt = this.#handoverAt = NEVER;
    this.#stopPolling();
    this.#isClosed = true;
    this.#requests.close(this.error);
    this.#reason = reason;
  }

  #connections(): Connection[] {
    return [this.#main, this.#successor].filter((connection) => connection !== undefined);
  }

  #find(number: number): Connection | undefined {
    return this.#connections().find((connection) => connection.number === number);
  }

  #outcome(change: Partial<Outcome> = {}): Outcome {
    const commands = this.#commands;
    this.#commands = [];
    return {
      changed: [],
      withdrawn: [],
      isSnapshot: false,
      ts: 0,
      ...change,
      commands,
      settled: this.#requests.settled(),
    };
  }
}
