/** The session on a real `WebSocket` and real time, in browsers and in Node. */

import type { Answers, Request } from "./answers.ts";
import type { Explanation } from "./explanation.ts";
import type { Quote, SourceStatus } from "./messages.ts";
import type { Settled } from "./requests.ts";
import { Session } from "./session.ts";
import type { Command, FeedError, Outcome, State } from "./session.ts";
import { steadyNow } from "./steady.ts";

export interface Observer {
  /** Each time when the connection's state changes. */
  readonly onState?: (state: State) => void;
  /** Each time when the server has sent something. */
  readonly onChange?: (change: Change) => void;
}

export interface Options extends Observer {
  /** Only these, e.g. `["BTC_CAD"]`; all when there are none. */
  readonly symbols?: readonly string[];
}

/** What a frame changed; nothing, when it only said that the feed is alive. */
export type Change = Pick<Outcome, "changed" | "withdrawn" | "isSnapshot" | "ts">;

interface Listener {
  readonly pending: Map<string, Quote>;
  wake: () => void;
}

interface Waiting {
  readonly resolve: (answer: never) => void;
  readonly reject: (error: unknown) => void;
}

export class Feed implements AsyncIterable<Quote> {
  readonly #url: string;
  readonly #observers: Set<Observer>;
  readonly #session: Session;
  readonly #sockets = new Map<number, WebSocket>();
  readonly #listeners = new Set<Listener>();
  readonly #waiting = new Map<number, Waiting>();
  #requests = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #state: State = { link: "connecting", reason: "" };

  /**
   * Connects at once, and again whenever the connection is lost, until it is closed.
   *
   * @throws SyntaxError: the address is none of a WebSocket.
   */
  constructor(url: string, options: Options = {}) {
    this.#url = url;
    this.#observers = new Set([options]);
    this.#session = new Session(options.symbols);
    this.#apply(this.#session.start(steadyNow()));
  }

  get state(): State {
    return this.#state;
  }

  /** The latest quote of each symbol. */
  get quotes(): ReadonlyMap<string, Quote> {
    return this.#session.book.quotes;
  }

  /** The symbols that no source has a price of. */
  get unavailable(): ReadonlySet<string> {
    return this.#session.book.unavailable;
  }

  /** The symbols that were asked for and that there are not. */
  get rejected(): readonly string[] {
    return this.#session.rejected;
  }

  /** Per source `ok`, `down` or `suspect`; and `feed: "late"` where the feed itself is. */
  get status(): SourceStatus {
    return this.#session.status;
  }

  /** The newest tick that was heard of. */
  get seq(): number {
    return this.#session.seq;
  }

  /** Also tell this one, until the function that is returned is called. */
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
  request<Kind extends Request>(request: Kind, signal?: AbortSignal): Promise<Answers[Kind["event"]]> {
    if (signal?.aborted) return Promise.reject(signal.reason);
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

  /**
   * Why the price of a symbol is what it is: each of its markets, and what became of it.
   *
   * @throws RequestError: there is no answer, or the server refused.
   */
  explain(symbol: string, signal?: AbortSignal): Promise<Explanation> {
    return this.request({ event: "explain", symbol }, signal);
  }

  /** Connect now, if the next attempt is still to come: the device is online again. */
  hasten(): void {
    this.#apply(this.#session.hasten(steadyNow()));
  }

  close(): void {
    this.#apply(this.#session.close());
  }

  /**
   * Every quote that changes, beginning with those held. Who is slow gets only the latest of each symbol. The feed is
   * closed when the last loop over it is left.
   *
   * @throws FeedError: the server will not serve these symbols.
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<Quote, void, void> {
    const listener: Listener = { pending: new Map(this.quotes), wake: () => undefined };
    this.#listeners.add(listener);
    try {
      for (;;) {
        for (const [symbol, quote] of listener.pending) {
          listener.pending.delete(symbol);
          yield quote;
        }
        if (this.#state.link === "closed") break;
        await new Promise<void>((resolve) => (listener.wake = resolve));
      }
      const error: FeedError | undefined = this.#session.error;
      if (error) throw error;
    } finally {
      this.#listeners.delete(listener);
      if (!this.#listeners.size) this.close();
    }
  }

  #apply({ commands, settled, ...change }: Outcome, heard = false): void {
    for (const command of commands) this.#carryOut(command);
    this.#wakeAt(this.#session.wakeAt);
    this.#tell(change);
    for (const ended of settled) this.#settle(ended);
    const { state } = this.#session;
    const isNews = state.link !== this.#state.link || state.reason !== this.#state.reason;
    this.#state = state;
    for (const observer of this.#observers) {
      if (heard) observer.onChange?.(change);
      if (isNews) observer.onState?.(state);
    }
  }

  #settle(ended: Settled): void {
    const waiting = this.#waiting.get(ended.key);
    this.#waiting.delete(ended.key);
    if ("error" in ended) waiting?.reject(ended.error);
    else waiting?.resolve(ended.answer as never);
  }

  #tell({ changed, withdrawn }: Change): void {
    for (const { pending, wake } of this.#listeners) {
      for (const symbol of withdrawn) pending.delete(symbol);
      for (const quote of changed) pending.set(quote.symbol, quote);
      wake();
    }
  }

  #carryOut(command: Command): void {
    const { connection } = command;
    const socket = this.#sockets.get(connection);
    switch (command.do) {
      case "open":
        this.#open(connection);
        break;
      case "send":
        if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(command.message));
        break;
      case "close":
        this.#sockets.delete(connection);
        socket?.close(1000);
    }
  }

  #open(connection: number): void {
    const socket = new WebSocket(this.#url);
    this.#sockets.set(connection, socket);
    const session = this.#session;
    socket.onopen = () => this.#apply(session.opened(connection, steadyNow()));
    socket.onmessage = ({ data }: MessageEvent<unknown>) => {
      if (typeof data === "string") this.#apply(session.received(connection, data, steadyNow()), true);
    };
    socket.onclose = ({ code, reason }) => {
      this.#sockets.delete(connection);
      this.#apply(session.lost(connection, wordsOf(code, reason), steadyNow()));
    };
  }

  #wakeAt(time: number): void {
    clearTimeout(this.#timer);
    if (time === Number.POSITIVE_INFINITY) return;
    this.#timer = setTimeout(() => this.#apply(this.#session.elapsed(steadyNow())), Math.max(0, time - steadyNow()));
  }
}

/** 1006 is what a browser says of a connection that broke or was refused: it tells no more. */
function wordsOf(code: number, reason: string): string {
  if (code === 1006) return "The connection could not be made or broke.";
  return `The server closed the connection: ${`${code} ${reason}`.trim()}`;
}
