/** One chart while it is open: from what the feed tells to what the panel and the canvas show. */

import type { Feed, History, Interval, State } from "cadfeed-client";
import { beganAt, Candles } from "./candles.ts";
import type { Canvas } from "./canvas.ts";
import { Panel } from "./panel.ts";
import { failureText, linkText } from "./words.ts";

const AT_ONCE = 300;
/** A candle is final a moment after its interval; not all charts ask in the same one. */
const FINAL_AFTER_MS = 2_000;
const FINAL_SPREAD_MS = 8_000;
const LATEST = 3;
const PAGE = 10;
const LOADING = "Loading candles…";
const WAITING = "Waiting for the connection to the feed…";
const NONE = "There are no candles of this asset yet. The first one begins with its next price.";

export interface ChartOptions {
  readonly symbol: string;
  readonly name: string;
  readonly feed: Feed;
  /** What gets the focus when the chart is closed: what it was opened with. */
  readonly returnFocusTo?: HTMLElement | null;
}

export class Chart {
  /** When it was closed, by whomever. */
  readonly closed: Promise<void>;
  readonly #feed: Feed;
  readonly #symbol: string;
  readonly #panel: Panel;
  readonly #stop: () => void;
  #candles = new Candles("1m");
  #canvas: Canvas | undefined;
  #loading = new AbortController();
  #isShown = false;
  #hasFailed = false;
  #hasAll = false;
  #isPaging = false;
  #wasLive: boolean;
  /** The beginning of the candle whose values are shown; of none in particular: the last one's. */
  #selected: number | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor({ symbol, name, feed, returnFocusTo }: ChartOptions) {
    this.#feed = feed;
    this.#symbol = symbol;
    this.#panel = new Panel(symbol, name);
    this.#wasLive = feed.state.link === "live";
    const { dialog, plot } = this.#panel;
    this.closed = new Promise((resolve) => {
      dialog.addEventListener("close", () => {
        this.#end();
        returnFocusTo?.focus();
        resolve();
      });
    });
    this.#panel.onInterval((interval) => void this.#load(interval));
    this.#panel.onAgain(() => void this.#load(this.#candles.interval));
    plot.addEventListener("keydown", (event) => this.#key(event));
    this.#stop = feed.observe({ onChange: ({ ts }) => this.#heard(ts), onState: (state) => this.#moved(state) });
    document.body.append(dialog);
    this.#panel.showQuote(feed.quotes.get(symbol), feed.unavailable.has(symbol));
    dialog.showModal();
    void this.#load("1m");
  }

  close(): void {
    // The event comes later, and another chart may be open by then.
    if (this.#panel.dialog.open) this.#panel.dialog.close();
    this.#end();
  }

  #end(): void {
    this.#stop();
    this.#loading.abort();
    clearTimeout(this.#timer);
    this.#canvas?.remove();
    this.#canvas = undefined;
    this.#panel.dialog.remove();
  }

  async #load(interval: Interval): Promise<void> {
    this.#loading.abort();
    this.#loading = new AbortController();
    const { signal } = this.#loading;
    clearTimeout(this.#timer);
    this.#candles = new Candles(interval);
    this.#isShown = this.#hasFailed = this.#hasAll = this.#isPaging = false;
    this.#select(undefined);
    this.#panel.showNotice("");
    this.#panel.showState(this.#wasLive ? LOADING : WAITING);
    try {
      const [{ Canvas: Drawing }, history] = await Promise.all([import("./canvas.ts"), this.#ask(AT_ONCE, signal)]);
      if (signal.aborted) return;
      this.#canvas ??= new Drawing(this.#panel.plot, {
        onHover: (openMs) => this.#select(openMs),
        onStart: () => void this.#page(),
      });
      this.#candles.merge(history);
      this.#hasAll = history.candles.length < AT_ONCE;
      this.#isShown = true;
      this.#panel.showNotice(linkText(this.#feed.state));
      this.#draw(true);
    } catch (error) {
      if (signal.aborted) return;
      this.#hasFailed = true;
      const { text, again } = failureText(error);
      this.#panel.showState(text, again);
    }
  }

  /** The latest candles once more: after a gap, or because one has become final. */
  async #refresh(limit: number): Promise<void> {
    const { signal } = this.#loading;
    try {
      this.#candles.merge(await this.#ask(limit, signal));
      if (!signal.aborted) this.#draw(false);
    } catch {
      // What is drawn stays; how the connection is the panel says, and the next one that comes asks again.
    }
  }

  /** Candles from before the oldest one. */
  async #page(): Promise<void> {
    const [oldest] = this.#candles.all;
    if (this.#isPaging || this.#hasAll || !oldest || !this.#isShown) return;
    this.#isPaging = true;
    const { signal } = this.#loading;
    try {
      const { candles } = await this.#ask(AT_ONCE, signal, oldest.openMs);
      this.#candles.merge({ candles });
      this.#hasAll = candles.length < AT_ONCE;
      if (!signal.aborted) this.#draw(false);
    } catch {
      // Scrolling on asks again.
    } finally {
      if (!signal.aborted) this.#isPaging = false;
    }
  }

  #ask(limit: number, signal: AbortSignal, before?: number): Promise<History> {
    const { interval } = this.#candles;
    const from = before === undefined ? {} : { before };
    return this.#feed.request({ event: "history", symbol: this.#symbol, interval, limit, ...from }, signal);
  }

  /** The server has said something, as of the tick at `ts`. */
  #heard(ts: number): void {
    const quote = this.#feed.quotes.get(this.#symbol);
    this.#panel.showQuote(quote, this.#feed.unavailable.has(this.#symbol));
    if (!quote || quote.stale || !ts) return;
    // As on the server, a price counts in the interval in which a source confirmed it: in this tick, or after it began.
    const { interval, last: before } = this.#candles;
    if (quote.seq !== this.#feed.seq && quote.ts < beganAt(ts, interval)) return;
    const candle = this.#candles.take(quote.spot, ts);
    if (!candle || !this.#isShown) return;
    if (before) this.#canvas?.update(candle);
    else this.#draw(true);
    if (this.#selected === undefined || this.#selected === candle.openMs) this.#panel.showCandle(candle, interval);
    if (before && before.openMs < candle.openMs) this.#refreshLater();
  }

  #moved(state: State): void {
    const isLive = state.link === "live";
    if (this.#isShown) this.#panel.showNotice(linkText(state));
    else if (!this.#hasFailed) this.#panel.showState(isLive ? LOADING : WAITING);
    if (isLive && !this.#wasLive) {
      if (this.#hasFailed) void this.#load(this.#candles.interval);
      else if (this.#isShown) void this.#refresh(AT_ONCE);
    }
    this.#wasLive = isLive;
  }

  #refreshLater(): void {
    clearTimeout(this.#timer);
    const wait = FINAL_AFTER_MS + Math.random() * FINAL_SPREAD_MS;
    this.#timer = setTimeout(() => void this.#refresh(LATEST), wait);
  }

  #draw(fromStart: boolean): void {
    const { all, interval } = this.#candles;
    this.#panel.showState(all.length ? "" : NONE);
    this.#canvas?.show(all, interval, fromStart);
    this.#select(this.#selected);
  }

  /** Show the values of this candle; of the last one, if of none. */
  #select(openMs: number | undefined): void {
    const { all, interval, last } = this.#candles;
    const [index, candle] = (openMs === undefined ? undefined : this.#candles.find(openMs)) ?? [all.length - 1, last];
    this.#selected = candle?.openMs === openMs ? openMs : undefined;
    this.#panel.showCandle(candle, interval);
    this.#panel.announce(candle, Math.max(0, index), all.length, interval);
  }

  #key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { all } = this.#candles;
    const end = all.length - 1;
    const zoom = { "+": 1, "=": 1, "-": -1 }[event.key] as 1 | -1 | undefined;
    const [at] = (this.#selected === undefined ? undefined : this.#candles.find(this.#selected)) ?? [end];
    const to: Readonly<Record<string, number>> = {
      ArrowLeft: at - 1,
      ArrowDown: at - 1,
      ArrowRight: at + 1,
      ArrowUp: at + 1,
      PageDown: at - PAGE,
      PageUp: at + PAGE,
      Home: 0,
      End: end,
    };
    const target = to[event.key];
    if ((zoom === undefined && target === undefined) || end < 0) return;
    event.preventDefault();
    if (zoom !== undefined) this.#canvas?.zoom(zoom);
    if (target === undefined) return;
    const index = Math.min(end, Math.max(0, target));
    const candle = all[index];
    this.#canvas?.select(candle, index);
    this.#select(candle?.openMs);
  }
}
