/** The dialog that a chart is in: what is in it, and how it is shown. It knows no feed. */

import { agreementText, direction, percentText, priceText } from "../format.ts";
import type { Candle, Interval, Quote } from "cadfeed-client";
import "./chart.css";
import { arrowOf, moveOf, moveText, sentenceOf, timeText } from "./words.ts";

const INTERVALS: readonly (readonly [Interval, string])[] = [["1m", "1 minute"], ["1h", "1 hour"], ["1d", "1 day"]];
const VALUES = ["time", "open", "high", "low", "close", "change"] as const;
const WAYS = ["down", "level", "up"];
/** As the library's licence asks: https://github.com/tradingview/lightweight-charts/blob/master/NOTICE */
const CREDIT = "TradingView Lightweight Charts™";
const COPYRIGHT = " © 2026 TradingView, Inc.";
const HOME = "https://www.tradingview.com/";

type Values = Readonly<Record<(typeof VALUES)[number], HTMLElement>>;

export class Panel {
  readonly dialog = document.createElement("dialog");
  /** Where the chart is drawn. It is a slider over the candles: arrow keys move it, and its value is read out. */
  readonly plot = make("div", "chart-plot");
  readonly #form = document.createElement("form");
  readonly #price = make("strong", "chart-price");
  readonly #change = make("span", "chart-change");
  readonly #agreement = make("span", "chart-agreement");
  readonly #marks = make("span", "chart-marks");
  readonly #notice = make("p", "chart-notice");
  readonly #state = make("div", "chart-state");
  readonly #stateText = make("p", "");
  readonly #again = button("Try again");
  readonly #values: Values;

  constructor(symbol: string, name: string) {
    const title = make("h2", "chart-title", name);
    title.id = "chart-title";
    title.append(" ", make("span", "chart-symbol", symbol));
    const close = button("×");
    close.classList.add("chart-close");
    close.setAttribute("aria-label", "Close chart");
    close.addEventListener("click", () => this.dialog.close());
    const head = make("div", "chart-head");
    const now = make("p", "chart-now");
    now.append(this.#price, this.#change, this.#marks);
    this.#form.append(choice());
    head.append(title, now, this.#form, close);

    const list = make("dl", "chart-values");
    this.#values = Object.fromEntries(VALUES.map((name) => [name, valueIn(list, name)])) as Values;

    this.plot.tabIndex = 0;
    this.plot.setAttribute("role", "slider");
    this.plot.setAttribute("aria-label", `Candles of ${name}`);
    this.#again.hidden = true;
    this.#state.setAttribute("role", "status");
    this.#state.append(this.#stateText, this.#again);
    this.#notice.setAttribute("role", "status");
    const stage = make("div", "chart-stage");
    stage.append(this.plot, this.#state, this.#notice);

    const keys = make("span", "chart-keys", "Keys: ← → a candle, + − zoom, Esc closes.");
    const credit = document.createElement("a");
    Object.assign(credit, { href: HOME, textContent: CREDIT, rel: "noopener noreferrer", target: "_blank" });
    const source = make("span", "");
    source.append("Chart: ", credit, COPYRIGHT);
    const foot = make("p", "chart-foot");
    foot.append(make("span", "", "Prices in CAD, times in UTC."), this.#agreement, keys, source);

    this.dialog.className = "chart";
    this.dialog.setAttribute("aria-labelledby", title.id);
    this.dialog.setAttribute("closedby", "any");
    this.dialog.append(head, list, stage, foot);
    this.showCandle(undefined, "1m");
  }

  /** Call back when an interval is chosen. */
  onInterval(choose: (interval: Interval) => void): void {
    this.#form.addEventListener("change", () => choose(new FormData(this.#form).get("interval") as Interval));
  }

  onAgain(again: () => void): void {
    this.#again.addEventListener("click", again);
  }

  /** The latest quote; without one, whether that is because there is no price, or because nothing was heard yet. */
  showQuote(quote: Quote | undefined, isUnavailable: boolean): void {
    const way = quote ? direction(quote.change_pct) : 0;
    write(this.#price, quote ? priceText(quote.spot) : "", quote?.spot);
    write(this.#change, quote ? `${arrowOf(quote.change_pct)} ${percentText(quote.change_pct)} in 24 h` : "");
    this.#change.dataset["way"] = WAYS[way + 1];
    write(this.#agreement, quote ? `${agreementText(quote.sources)}.` : "");
    const marks = [quote?.simulated && "simulated", quote?.stale && "stale", isUnavailable && "no price now"].filter(Boolean);
    write(this.#marks, marks.join(", "));
    this.dialog.classList.toggle("stale", quote?.stale === true || !quote);
  }

  /** How the connection is; nothing when it is well. */
  showNotice(text: string): void {
    write(this.#notice, text);
  }

  /** In place of the chart: that it is loading, that there is nothing, or why not and what to do. */
  showState(text: string, again = false): void {
    this.#state.hidden = !text;
    this.#stateText.textContent = text;
    // The focus does not fall out of the dialog with the button that had it.
    if (!again && document.activeElement === this.#again) this.#form.querySelector<HTMLElement>(":checked")?.focus();
    this.#again.hidden = !again;
    this.plot.toggleAttribute("inert", Boolean(text));
  }

  /** The values of a candle. */
  showCandle(candle: Candle | undefined, interval: Interval): void {
    const { time, change, ...prices } = this.#values;
    write(time, candle ? timeText(candle.openMs, interval) : "–");
    for (const name of ["open", "high", "low", "close"] as const) {
      write(prices[name], candle ? priceText(candle[name]) : "–", candle?.[name]);
    }
    write(change, candle ? moveText(candle) : "–");
    change.dataset["way"] = WAYS[(candle ? moveOf(candle) : 0) + 1];
  }

  /** The candle that the slider is on, read out where it is in focus: so not with each quote. */
  announce(candle: Candle | undefined, index: number, count: number, interval: Interval): void {
    this.plot.setAttribute("aria-valuemin", "0");
    this.plot.setAttribute("aria-valuemax", String(Math.max(0, count - 1)));
    this.plot.setAttribute("aria-valuenow", String(index));
    this.plot.setAttribute("aria-valuetext", candle ? sentenceOf(candle, interval) : "no candle");
  }
}

/** Put a text where it is not yet; `title`: all of what it shortens. */
function write(element: HTMLElement, text: string, title = ""): void {
  if (element.textContent !== text) element.textContent = text;
  if (element.title !== title) element.title = title;
}

/** One of several: a radio button each, so that the arrow keys change it. */
function choice(): HTMLElement {
  const set = document.createElement("fieldset");
  set.append(make("legend", "chart-hidden", "One candle is"));
  for (const [interval, words] of INTERVALS) {
    const label = document.createElement("label");
    const input = document.createElement("input");
    Object.assign(input, { type: "radio", name: "interval", value: interval, defaultChecked: interval === "1m" });
    if (interval === "1m") input.autofocus = true;
    label.append(input, make("span", "", words));
    set.append(label);
  }
  return set;
}

function valueIn(list: HTMLElement, name: string): HTMLElement {
  const pair = make("div", `chart-of-${name}`);
  const value = make("dd", "");
  pair.append(make("dt", "", `${name.charAt(0).toUpperCase()}${name.slice(1)}`), value);
  list.append(pair);
  return value;
}

function button(text: string): HTMLButtonElement {
  const made = document.createElement("button");
  Object.assign(made, { type: "button", textContent: text });
  return made;
}

function make<Tag extends keyof HTMLElementTagNameMap>(tag: Tag, className: string, text = ""): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.textContent = text;
  return made;
}
