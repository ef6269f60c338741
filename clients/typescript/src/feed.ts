/** The session on a real `WebSocket` and real time, in browsers and in Node. */

import type { Answers, Request } from "./answers.ts";
import type { Book } from "./book.ts";
import { RequestError } from "./errors.ts";
import type { Explanation } from "./explanation.ts";
import type { Quote } from "./quote.ts";
import type { Settled } from "./requests.ts";
import type { Command, Outcome, State } from "./session.ts";
import { Session } from "./session.ts";
import { steadyNow } from "./steady.ts";
import type { Token } from "./token.ts";
import { subprotocolsWith } from "./token.ts";

export interface Observer {
  /** Called when the connection's state changes. */
  readonly onState?: (state: State) => void;
  /** Called when the server has sent something. */
  readonly onHeard?: (heard: Heard) => void;
}

export interface Options extends Observer {
  /** Only these, e.g. `["BTC_CAD"]`; all when there are none. */
  readonly symbols?: readonly string[];
  /**
   * The seconds between two frames, each with everything that changed since the one before: a multiple of the feed's
   * tick, up to 300; a feed with another tick sends one in each tick, as it does without it.
   */
  readonly every?: number | undefined;
  /**
   * For a feed that asks for one; or a function that fetches one, also an asynchronous one, which is called for each
   * connection. If it fails, the client tries again later, as after a lost connection.
   */
  readonly token?: Token | undefined;
  /**
   * Whether the client takes the prices over HTTP while no socket can be opened, from `rates.json` beside an address that
   * ends with `/ws/`. It does so unless this is false, and goes back to the socket by itself.
   */
  readonly polls?: boolean;
}

/** What a frame changed; nothing, when it only said that the feed is alive. */
export type Heard = Pick<Outcome, "changed" | "withdrawn" | "isSnapshot" | "ts">;

/** A symbol that was shown no longer has a price. `listed`: the feed still knows it, and it may return. */
export interface Withdrawn {
  readonly symbol: string;
  readonly listed: boolean;
}

export type Change = Quote | Withdrawn;

/** When to load the code for HTTP again, after that failed. */
const POLL_CODE_AGAIN_MS = 10_000;

interface Waiting {
  readonly resolve: (answer: never) => void;
  readonly reject: (error: unknown) => void;
}

export class Feed implements AsyncIterable<Quote> {
  readonly #url: string;
  readonly #symbols: readonly string[] | undefined;
  readonly #token: Token | undefined;
  readonly #observers: Set<Observer>;
  readonly #session: Session;
  /** By connection; without a socket while its token is being fetched. */
  readonly #sockets = new Map<number, WebSocket | undefined>();
  readonly #waiting = new Map<number, Waiting>();
  readonly #closing = new AbortController();
  #requests = 0;
  #loops = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #state: State = { link: "connecting", reason: "" };

  /**
   * Connects at once, and again whenever the connection is lost, until it is closed.
   *
   * @throws SyntaxError: the address is not that of a WebSocket, or the token has characters that no token has.
   */
  constructor(url: string, options: Options = {}) {
    this.#url = url;
    this.#symbols = options.symbols;
    this.#token = options.token;
    this.#observers = new Set([options]);
    this.#session = new Session(options.symbols, Math.random, options.every, options.polls ?? true);
    this.#apply(this.#session.start(steadyNow()));
  }

  get state(): State {
    return this.#state;
  }

  /** The picture as it stands, for reading only. */
  get book(): Book {
    return this.#session.book;
  }

  /** Also tell this observer, until the returned function is called. */
  observe(observer: Observer): () => void {
    this.#observers.add(observer);
    return () => this.#observers.delete(observer);
  }

  /**
   * Ask for something, for up to 20 s and over as many connections as that takes.
   *
   * @throws RequestError: there is no answer, or the server refused.
   * @throws the signal's reason, when it is aborted.
   */
  async request<Kind extends Request>(request: Kind, signal?: AbortSignal): Promise<Answers[Kind["event"]]> {
    signal?.throwIfAborted();
    if (request.event !== "ping") await this.#loadReader();
    signal?.throwIfAborted();
    const key = ++this.#requests;
    let cancel = (): void => undefined;
    const answer = new Promise<Answers[Kind["event"]]>((resolve, reject) => {
      this.#waiting.set(key, { resolve, reject });
      cancel = () => {
        this.#waiting.delete(key);
        this.#apply(this.#session.cancel(key));
        reject(signal?.reason);
      };
    });
    signal?.addEventListener("abort", cancel);
    this.#apply(this.#session.request(key, request, steadyNow()));
    return answer.finally(() => signal?.removeEventListener("abort", cancel));
  }

  /** The code for answers is loaded with the first request, since prices come first. */
  async #loadReader(): Promise<void> {
    try {
      this.#session.reader ??= await import("./answers.ts");
    } catch {
      throw new RequestError("disconnected", "A part of the client could not be loaded.", true);
    }
  }

  /**
   * Why the price of a symbol is what it is: each of its markets, and what became of it.
   *
   * @throws RequestError: there is no answer, or the server refused.
   */
  explain(symbol: string, signal?: AbortSignal): Promise<Explanation> {
    return this.request({ event: "explain", symbol }, signal);
  }

  /** Hear frames at another pace from now on, as with the option `every`, beginning with a snapshot. */
  pace(every?: number): void {
    this.#apply(this.#session.paced(every, steadyNow()));
  }

  /** Connect now, if the next attempt is still to come: the device is online again. */
  hasten(): void {
    this.#apply(this.#session.hasten(steadyNow()));
  }

  close(): void {
    this.#closing.abort();
    this.#apply(this.#session.close());
  }

  /**
   * Every quote that changes, beginning with those held. A slow loop gets only the latest of each symbol. The feed
   * closes when the last loop over it is left.
   *
   * @throws Refused: the server does not accept the subscription.
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<Quote, void, void> {
    for await (const change of this.changes()) if ("spot" in change) yield change;
  }

  /**
   * Like looping over the feed, with a `Withdrawn` for each symbol that loses its price.
   *
   * @throws Refused: the server does not accept the subscription.
   */
  async *changes(): AsyncGenerator<Change, void, void> {
    const pending = new Map<string, Change>(this.book.quotes);
    const shown = new Set<string>();
    let wake = (): void => undefined;
    const stop = this.observe({
      onHeard: ({ changed, withdrawn }) => {
        for (const symbol of withdrawn) pending.set(symbol, { symbol, listed: this.book.unavailable.has(symbol) });
        for (const quote of changed) pending.set(quote.symbol, quote);
        wake();
      },
      onState: () => wake(),
    });
    this.#loops++;
    try {
      for (;;) {
        for (const [symbol, change] of pending) {
          pending.delete(symbol);
          // A loop that never got a symbol need not hear that it is gone.
          if ("spot" in change ? shown.add(symbol) : shown.delete(symbol)) yield change;
        }
        if (this.#state.link === "closed") break;
        await new Promise<void>((resolve) => (wake = resolve));
      }
      const { error } = this.#session;
      if (error) throw error;
    } finally {
      stop();
      if (!--this.#loops) this.close();
    }
  }

  #apply({ commands, settled, ...heard }: Outcome, isFrame = false): void {
    for (const command of commands) this.#carryOut(command);
    this.#wakeAt(this.#session.wakeAt);
    for (const ended of settled) this.#settle(ended);
    const { state } = this.#session;
    const isNews = state.link !== this.#state.link || state.reason !== this.#state.reason;
    this.#state = state;
    for (const observer of this.#observers) {
      if (isFrame) observer.onHeard?.(heard);
      if (isNews) observer.onState?.(state);
    }
  }

  #settle(ended: Settled): void {
    const waiting = this.#waiting.get(ended.key);
    this.#waiting.delete(ended.key);
    if ("error" in ended) waiting?.reject(ended.error);
    else waiting?.resolve(ended.answer as never);
  }

  #carryOut(command: Command): void {
    if (command.do === "poll") {
      void this.#poll();
      return;
    }
    const { connection } = command;
    const socket = this.#sockets.get(connection);
    switch (command.do) {
      case "open":
        if (typeof this.#token === "function") void this.#openWith(this.#token, connection);
        else this.#open(connection, this.#token);
        break;
      case "send":
        if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(command.message));
        break;
      case "close":
        this.#sockets.delete(connection);
        socket?.close(1000);
    }
  }

  /** The code is loaded when it is needed: hardly anybody ever is without a socket. */
  async #poll(): Promise<void> {
    const polled = await import("./polling.ts").then(
      ({ poll }) => poll(this.#url, this.#symbols, this.#closing.signal),
      () => ({ inMs: POLL_CODE_AGAIN_MS }),
    );
    if (this.#state.link === "closed") return;
    this.#apply(this.#session.polled(polled, steadyNow()), "isLate" in polled);
  }

  /** Fetch a token, then open the connection, unless it has been given up meanwhile. */
  async #openWith(fetch: () => string | Promise<string>, connection: number): Promise<void> {
    this.#sockets.set(connection, undefined);
    try {
      const token = await fetch();
      if (!token) throw token;
      if (this.#sockets.has(connection)) this.#open(connection, token);
    } catch {
      if (this.#sockets.delete(connection)) this.#lost(connection, "No token could be fetched.");
    }
  }

  #open(connection: number, token: string | undefined): void {
    const socket = new WebSocket(this.#url, subprotocolsWith(token));
    this.#sockets.set(connection, socket);
    const session = this.#session;
    socket.onopen = () => this.#apply(session.opened(connection, steadyNow()));
    socket.onmessage = ({ data }: MessageEvent<unknown>) => {
      if (typeof data === "string") this.#apply(session.received(connection, data, steadyNow()), true);
    };
    socket.onclose = ({ code, reason }) => {
      this.#sockets.delete(connection);
      this.#lost(connection, wordsOf(code, reason));
    };
  }

  #lost(connection: number, reason: string): void {
    this.#apply(this.#session.lost(connection, reason, steadyNow()));
  }

  #wakeAt(time: number): void {
    clearTimeout(this.#timer);
    if (time === Number.POSITIVE_INFINITY) return;
    this.#timer = setTimeout(() => this.#apply(this.#session.elapsed(steadyNow())), Math.max(0, time - steadyNow()));
  }
}

/** A browser says 1006 about a connection that broke or was refused, and tells no more. */
function wordsOf(code: number, reason: string): string {
  if (code === 1006) return "The connection could not be made or broke.";
  return `The server closed the connection: ${`${code} ${reason}`.trim()}`;
}
