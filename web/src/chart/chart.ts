/** An open chart: takes quotes and candles from the feed, and updates the panel and the canvas. */

import type { Feed, History, Interval, Quote, State } from "cadfeed-client";
import type { AboutAsset } from "../elements.ts";
import { failureText, linkText } from "../failure.ts";
import { Candles, startOf } from "./candles.ts";
import type { Canvas } from "./canvas.ts";
import { csvOf } from "./csv.ts";
import type { Look } from "./look.ts";
import { lookOf, lookText } from "./look.ts";
import { Panel } from "./panel.ts";
import { DayRange, RANGE_CANDLES } from "./range.ts";
import { CHART } from "./words.ts";

/** The most that the server sends in one answer. */
const CANDLES_PER_REQUEST = 500;
/** By then the server has fetched the market's own minutes, if it had only seen one price in some. */
const OWN_MINUTES_AFTER_MS = 5_000;
/** The server closes a candle a moment after its interval. The spread keeps charts from asking all at once. */
const FINAL_AFTER_MS = 2_000;
const FINAL_SPREAD_MS = 8_000;
const LATEST = 3;
const PAGE = 10;
const LOADING = t`Loading candles…`;
const WAITING = t`Waiting for the connection to the feed…`;
const NONE = t`There are no candles for this asset yet. The first one begins with its next price.`;

export interface ChartOptions extends AboutAsset {
  /** The assets that it can be compared with. */
  readonly others: Iterable<string>;
  /** How to draw it, as the page's address has it; `onLook` is called with another one. */
  readonly look: string;
  readonly onLook: (look: string) => void;
  /** Say why the price is what it is; `button` gets the focus afterwards. */
  readonly explain: (button: HTMLElement) => void;
}

export class Chart {
  /** Resolves when the chart is closed, by the user or by `close`. */
  readonly closed: Promise<void>;
  readonly #feed: Feed;
  readonly #symbol: string;
  readonly #panel: Panel;
  readonly #stop: () => void;
  readonly #range = new DayRange();
  readonly #onLook: (look: string) => void;
  #candles: Candles;
  #look: Look;
  #others: Candles | undefined;
  #canvas: Canvas | undefined;
  #loading = new AbortController();
  #isShown = false;
  #hasFailed = false;
  #hasAll = false;
  #isLoadingOlder = false;
  #wasLive: boolean;
  /** When the selected candle began; undefined: none is selected, and the panel shows the last one. */
  #selected: number | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor({ symbol, name, feed, others, look, onLook, returnFocusTo, explain }: ChartOptions) {
    this.#feed = feed;
    this.#symbol = symbol;
    this.#onLook = onLook;
    const comparable = [...others].filter((other) => other !== symbol).sort();
    const { interval, style, other } = lookOf(look);
    this.#look = { interval, style, other: comparable.includes(other) ? other : "" };
    this.#candles = new Candles(interval);
    this.#panel = new Panel(symbol, name, comparable, this.#look);
    this.#wasLive = feed.state.link === "live";
    const { dialog, plot } = this.#panel;
    this.closed = new Promise((resolve) => {
      dialog.addEventListener("close", () => {
        this.#end();
        // The event comes after the dialog has gone: by then the user may have moved on.
        if (document.activeElement === document.body) returnFocusTo?.focus();
        resolve();
      });
    });
    this.#panel.onExplain(explain);
    this.#panel.onChoice(
      (interval) => {
        this.#change({ interval });
        void this.#load(interval);
      },
      (style) => {
        this.#change({ style });
        if (this.#isShown) this.#draw(false);
      },
    );
    this.#panel.onCompare((other) => {
      this.#unselect();
      void this.#compareWith(other);
    });
    this.#panel.onCopy(
      () => csvOf(this.#candles.all),
      () => location.href,
    );
    this.#panel.onAgain(() => void this.#load(this.#candles.interval));
    plot.addEventListener("keydown", (event) => this.#keyPressed(event));
    this.#stop = feed.observe({
      onHeard: ({ ts }) => this.#received(ts),
      onState: (state) => this.#linkChanged(state),
    });
    document.body.append(dialog);
    this.#showQuote();
    dialog.showModal();
    void this.#load(interval).then(() => this.#findRange());
  }

  close(): void {
    // The `close` event comes later, when another chart may be open.
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
    this.#isShown = this.#hasFailed = this.#hasAll = this.#isLoadingOlder = false;
    this.#unselect();
    this.#panel.showNotice("");
    this.#panel.showLoading(this.#wasLive ? LOADING : WAITING);
    try {
      const [{ Canvas: Drawing }, history] = await Promise.all([
        import("./canvas.ts"),
        this.#ask(CANDLES_PER_REQUEST, signal),
      ]);
      if (signal.aborted) return;
      this.#canvas ??= new Drawing(this.#panel.plot, {
        onHover: (openMs) => this.#select(openMs),
        onStart: () => void this.#loadOlder(),
      });
      this.#candles.merge(history);
      this.#hasAll = history.candles.length < CANDLES_PER_REQUEST;
      this.#isShown = true;
      this.#panel.showNotice(linkText(this.#feed.state, CHART));
      this.#draw(true);
      void this.#compareWith(this.#look.other);
      // Two years of days are two answers.
      if (interval === "1d") void this.#loadOlder();
      if (interval === "1m" && history.candles.some(({ ticks }) => ticks === 1)) this.#refreshOnce(signal);
    } catch (error) {
      if (signal.aborted) return;
      this.#hasFailed = true;
      const { text, again } = failureText(error, CHART);
      this.#panel.showState(text, again);
    }
  }

  /** Learn between what prices the last 24 hours were. Without an answer the panel does not say it. */
  async #findRange(): Promise<void> {
    const about = { event: "history", symbol: this.#symbol, interval: "1h", limit: RANGE_CANDLES } as const;
    const answer = await this.#feed.request(about).catch(() => undefined);
    const hours = [...(answer?.candles ?? []), ...(answer?.inProgress ? [answer.inProgress] : [])];
    this.#range.begin(hours, this.#feed.book.quotes.get(this.#symbol)?.ts ?? Date.now());
    this.#showQuote();
  }

  /** Ask for the latest candles again: after a gap, or because one has become final. */
  async #refresh(limit: number): Promise<void> {
    const { signal } = this.#loading;
    try {
      this.#candles.merge(await this.#ask(limit, signal));
      if (!signal.aborted) this.#draw(false);
    } catch {
      // The drawing stays, and the panel shows the state of the connection. The next connection asks again.
    }
  }

  /** Ask for candles before the oldest one. */
  async #loadOlder(): Promise<void> {
    const [oldest] = this.#candles.all;
    if (this.#isLoadingOlder || this.#hasAll || !oldest || !this.#isShown) return;
    this.#isLoadingOlder = true;
    const { signal } = this.#loading;
    try {
      const { candles } = await this.#ask(CANDLES_PER_REQUEST, signal, oldest.openMs);
      this.#candles.merge({ candles });
      this.#hasAll = candles.length < CANDLES_PER_REQUEST;
      if (!signal.aborted) this.#draw(false);
      await this.#loadOlderOthers(signal);
    } catch {
      // More scrolling asks again.
    } finally {
      if (!signal.aborted) this.#isLoadingOlder = false;
    }
  }

  #ask(limit: number, signal: AbortSignal, before?: number, symbol = this.#symbol): Promise<History> {
    const { interval } = this.#candles;
    const from = before === undefined ? {} : { before };
    return this.#feed.request({ event: "history", symbol, interval, limit, ...from }, signal);
  }

  /** Draw another asset beside this one, both in percent; an empty symbol for none. */
  async #compareWith(symbol: string, failed = ""): Promise<void> {
    if (symbol !== this.#look.other) this.#change({ other: symbol });
    this.#others = undefined;
    this.#panel.showCompared(symbol, failed);
    if (!symbol || !this.#isShown) {
      this.#canvas?.compare(undefined);
      return;
    }
    const { signal } = this.#loading;
    const others = new Candles(this.#candles.interval);
    try {
      others.merge(await this.#ask(CANDLES_PER_REQUEST, signal, undefined, symbol));
    } catch {
      if (!signal.aborted && symbol === this.#look.other) void this.#compareWith("", symbol);
      return;
    }
    if (signal.aborted || symbol !== this.#look.other) return;
    this.#others = others;
    this.#drawOthers();
    await this.#loadOlderOthers(signal);
  }

  /** Ask for the other asset's candles as far back as this one's are loaded. */
  async #loadOlderOthers(signal: AbortSignal): Promise<void> {
    const others = this.#others;
    const [oldest] = others?.all ?? [];
    const [first] = this.#candles.all;
    if (!others || !oldest || !first || oldest.openMs <= first.openMs) return;
    const older = this.#ask(CANDLES_PER_REQUEST, signal, oldest.openMs, this.#look.other);
    // Without an answer its line begins later.
    const { candles } = await older.catch(() => ({ candles: [] }));
    if (signal.aborted || others !== this.#others || !candles.length) return;
    others.merge({ candles });
    this.#drawOthers();
  }

  /** Only at the times that this asset has candles of: others would change the places of its own. */
  #drawOthers(): void {
    const times = new Set(this.#candles.all.map(({ openMs }) => openMs));
    this.#canvas?.compare(this.#others?.all.filter(({ openMs }) => times.has(openMs)));
  }

  /** A frame has come, with the state of the tick at `ts`. */
  #received(ts: number): void {
    const quote = this.#showQuote();
    this.#continueOthers(ts);
    if (!quote || quote.stale || !ts) return;
    // As on the server, a price counts in an interval if a source confirmed it there: in this tick, or since it began.
    const { interval, last: before } = this.#candles;
    if (quote.seq !== this.#feed.book.seq && quote.ts < startOf(ts, interval)) return;
    const candle = this.#candles.addPrice(quote.spot, ts);
    if (!candle || !this.#isShown) return;
    if (before) this.#canvas?.update(candle);
    else this.#draw(true);
    if (this.#selected === undefined || this.#selected === candle.openMs) this.#panel.showCandle(candle, interval);
    if (before && before.openMs < candle.openMs) this.#refreshLater();
  }

  #continueOthers(ts: number): void {
    const quote = this.#feed.book.quotes.get(this.#look.other);
    if (!this.#others || !quote || quote.stale || !ts) return;
    const candle = this.#others.addPrice(quote.spot, ts);
    if (candle?.openMs === this.#candles.last?.openMs && candle) this.#canvas?.updateOther(candle);
  }

  /** Show the latest quote, and return it. */
  #showQuote(): Quote | undefined {
    const { quotes, unavailable } = this.#feed.book;
    const quote = quotes.get(this.#symbol);
    if (quote && !quote.stale) this.#range.add(quote.spot);
    this.#panel.showQuote(quote, unavailable.has(this.#symbol), this.#range.prices);
    return quote;
  }

  #change(look: Partial<Look>): void {
    this.#look = { ...this.#look, ...look };
    this.#onLook(lookText(this.#look));
  }

  #linkChanged(state: State): void {
    const isLive = state.link === "live";
    if (this.#isShown) this.#panel.showNotice(linkText(state, CHART));
    else if (!this.#hasFailed) this.#panel.showLoading(isLive ? LOADING : WAITING);
    if (isLive && !this.#wasLive) {
      if (this.#hasFailed) void this.#load(this.#candles.interval);
      else if (this.#isShown) void this.#refresh(CANDLES_PER_REQUEST);
    }
    this.#wasLive = isLive;
  }

  #refreshLater(): void {
    clearTimeout(this.#timer);
    const wait = FINAL_AFTER_MS + Math.random() * FINAL_SPREAD_MS;
    this.#timer = setTimeout(() => void this.#refresh(LATEST), wait);
  }

  /** Ask for the whole first answer again, unless the interval has changed by then. */
  #refreshOnce(signal: AbortSignal): void {
    const timer = setTimeout(() => void this.#refresh(CANDLES_PER_REQUEST), OWN_MINUTES_AFTER_MS);
    signal.addEventListener("abort", () => clearTimeout(timer));
  }

  #draw(fromStart: boolean): void {
    const { all, interval } = this.#candles;
    this.#panel.showState(all.length ? "" : NONE);
    this.#canvas?.show(all, interval, this.#look.style, fromStart);
    this.#select(this.#selected);
  }

  /** Show the values of the last candle, and no crosshair: what is drawn changes. */
  #unselect(): void {
    this.#canvas?.select(undefined);
    this.#select(undefined);
  }

  /** Show the values of this candle, or of the last one. */
  #select(openMs: number | undefined): void {
    const { all, interval, last } = this.#candles;
    const [index, candle] = (openMs === undefined ? undefined : this.#candles.find(openMs)) ?? [all.length - 1, last];
    this.#selected = candle?.openMs === openMs ? openMs : undefined;
    this.#panel.showCandle(candle, interval);
    this.#panel.announce(candle, Math.max(0, index), all.length, interval);
  }

  #keyPressed(event: KeyboardEvent): void {
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
