/** The dialog of a chart: its elements and texts. It does not use the feed. */

import type { Candle, Interval, Quote } from "cadfeed-client";
import { button, make, write } from "../elements.ts";
import { direction, percentText, priceText } from "../format.ts";
import { agreementText } from "../title.ts";
import "./chart.css";
import type { Look, Style } from "./look.ts";
import { INTERVALS, STYLES } from "./look.ts";
import { arrowOf, bookText, moveOf, moveText, originText, sentenceOf, timeText } from "./words.ts";

/** How long a button says what it has done. */
const SAID_MS = 2_000;
const COPY_CSV = t`Copy CSV`;
const COPY_LINK = t`Copy link`;
const COMPARE = t`Compare with`;
const VALUES = {
  time: t`Time`,
  open: t`Open`,
  high: t`High`,
  low: t`Low`,
  close: t`Close`,
  change: t`Change`,
  origin: t`Origin`,
};
const WAYS = ["down", "level", "up"];
/** The library's licence asks for this: https://github.com/tradingview/lightweight-charts/blob/master/NOTICE */
const CREDIT = "TradingView Lightweight Charts™";
const COPYRIGHT = " © 2026 TradingView, Inc.";
const HOME = "https://www.tradingview.com/";
const SVG = "http://www.w3.org/2000/svg";
const SKELETON = { candles: 40, step: 10 };

type Values = Readonly<Record<keyof typeof VALUES, HTMLElement>>;

export class Panel {
  readonly dialog = document.createElement("dialog");
  /** The area of the drawing. It is a slider over the candles: arrow keys move it, and screen readers read its value. */
  readonly plot = make("div", "chart-plot");
  readonly #form = document.createElement("form");
  readonly #price = make("strong", "chart-price");
  readonly #change = make("span", "chart-change");
  /** The quote's other numbers, which a phone's table has no room for. */
  readonly #book = make("p", "chart-book");
  readonly #agreement = button("");
  readonly #marks = make("span", "chart-marks");
  readonly #notice = make("p", "chart-notice");
  readonly #state = make("div", "chart-state");
  readonly #stateText = make("p", "");
  readonly #again = button(t`Try again`);
  readonly #copyCsv = button(COPY_CSV);
  readonly #copyLink = button(COPY_LINK);
  readonly #other = document.createElement("select");
  readonly #otherText = make("span", "", COMPARE);
  readonly #name: string;
  readonly #values: Values;

  /** `others`: the assets that it can be compared with. */
  constructor(symbol: string, name: string, others: readonly string[], look: Look) {
    this.#name = name;
    const title = make("h2", "chart-title", name);
    title.id = "chart-title";
    title.append(" ", make("span", "chart-symbol", symbol));
    const close = button("×");
    close.classList.add("chart-close");
    close.setAttribute("aria-label", t`Close chart`);
    close.addEventListener("click", () => this.dialog.close());
    const head = make("div", "chart-head");
    const now = make("p", "chart-now");
    now.append(this.#price, this.#change, this.#marks);
    this.#form.append(
      choice(t`Length of a candle`, "interval", INTERVALS, look.interval),
      choice(t`Drawing`, "style", STYLES, look.style),
    );
    head.append(title, now, this.#form, close);

    const list = make("dl", "chart-values");
    this.#values = Object.fromEntries(
      Object.entries(VALUES).map(([name, label]) => [name, valueIn(list, name, label)]),
    ) as Values;

    this.plot.tabIndex = 0;
    this.plot.setAttribute("role", "slider");
    this.showCompared("");
    this.#again.hidden = true;
    this.#state.setAttribute("role", "status");
    this.#state.append(skeleton(), this.#stateText, this.#again);
    this.#notice.setAttribute("role", "status");
    const stage = make("div", "chart-stage");
    stage.append(this.plot, this.#state, this.#notice);

    const keys = make("span", "chart-keys", t`Keys: ← → candle, + − zoom, Esc close.`);
    const credit = document.createElement("a");
    Object.assign(credit, { href: HOME, textContent: CREDIT, rel: "noopener noreferrer", target: "_blank" });
    const source = make("span", "");
    source.append(t`Chart: `, credit, COPYRIGHT);
    this.#agreement.className = "chart-agreement";
    this.#agreement.setAttribute("aria-haspopup", "dialog");
    this.#copyCsv.className = this.#copyLink.className = "chart-copy";
    this.#copyCsv.title = t`Copy the candles that are loaded, with all digits of their prices`;
    this.#copyLink.title = t`Copy the address of this chart as it is drawn`;
    const foot = make("p", "chart-foot");
    const compare = make("span", "chart-compare");
    this.#otherText.setAttribute("role", "status");
    compare.append(this.#otherText);
    this.#other.setAttribute("aria-label", COMPARE);
    this.#other.append(new Option("–", ""), ...others.map((other) => new Option(other)));
    compare.append(this.#other);
    const copy = make("span", "chart-copies");
    copy.append(this.#copyCsv, this.#copyLink);
    foot.append(make("span", "", t`Prices in CAD, times in UTC.`), this.#agreement, compare, copy, keys, source);

    this.dialog.className = "chart";
    this.dialog.setAttribute("aria-labelledby", title.id);
    this.dialog.setAttribute("closedby", "any");
    this.dialog.append(head, this.#book, list, stage, foot);
    this.showCandle(undefined, look.interval);
  }

  /** Call one of these when the user chooses an interval, or how to draw it. */
  onChoice(interval: (chosen: Interval) => void, style: (chosen: Style) => void): void {
    this.#form.addEventListener("change", ({ target }) => {
      const { name, value } = target as HTMLInputElement;
      if (name === "interval") interval(value as Interval);
      else style(value as Style);
    });
  }

  /** Call `compare` when the user chooses an asset to compare with; its symbol is empty for none. */
  onCompare(compare: (symbol: string) => void): void {
    this.#other.addEventListener("change", () => compare(this.#other.value));
  }

  /** Say which asset it is compared with; an empty symbol for none. `failed`: the asset that could not be loaded. */
  showCompared(symbol: string, failed = ""): void {
    write(this.#otherText, failed ? t`No candles of ${failed} came; choose it again, or another one` : COMPARE);
    this.#other.value = symbol;
    const compared = symbol ? t`, compared with ${symbol} in percent` : "";
    this.plot.setAttribute("aria-label", t`Candles of ${this.#name}${compared}`);
  }

  /** Copy one of these texts when the user asks for the candles as CSV, or for the chart's address. */
  onCopy(csv: () => string, link: () => string): void {
    copyOn(this.#copyCsv, csv);
    copyOn(this.#copyLink, link);
  }

  /** Call `explain` when the user asks why the price is what it is. */
  onExplain(explain: (button: HTMLElement) => void): void {
    this.#agreement.addEventListener("click", () => explain(this.#agreement));
  }

  onAgain(again: () => void): void {
    this.#again.addEventListener("click", again);
  }

  /** Show the latest quote. `isUnavailable`: there is no quote because no source has a price. */
  showQuote(quote: Quote | undefined, isUnavailable: boolean, range?: readonly [low: string, high: string]): void {
    const way = quote ? direction(quote.change_pct) : 0;
    write(this.#price, quote ? priceText(quote.spot) : "", quote?.spot);
    write(this.#change, quote ? t`${arrowOf(quote.change_pct)} ${percentText(quote.change_pct)} in 24 h` : "");
    this.#change.dataset["way"] = WAYS[way + 1];
    write(this.#book, quote ? bookText(quote, range) : "");
    write(this.#agreement, t`${quote ? agreementText(quote.sources) : t`No source`}: why?`);
    const marks = [quote?.simulated && t`simulated`, quote?.stale && t`stale`, isUnavailable && t`no price now`].filter(
      Boolean,
    );
    write(this.#marks, marks.join(", "));
    this.dialog.classList.toggle("stale", quote?.stale === true || !quote);
  }

  /** Show the state of the connection; an empty text if it works. */
  showNotice(text: string): void {
    write(this.#notice, text);
  }

  /** Show candles in outline in place of the chart, with a text that says what it waits for. */
  showLoading(text: string): void {
    this.showState(text);
    this.#state.classList.add("loading");
  }

  /** Show a text in place of the chart: that there are no candles, or what failed and what to do. */
  showState(text: string, again = false): void {
    this.#state.hidden = !text;
    this.#state.classList.remove("loading");
    this.#stateText.replaceChildren(make("span", "", text));
    // If the hidden button had the focus, the chosen interval gets it, so that the dialog keeps it.
    if (!again && document.activeElement === this.#again) this.#form.querySelector<HTMLElement>(":checked")?.focus();
    this.#again.hidden = !again;
    this.plot.toggleAttribute("inert", Boolean(text));
  }

  /** Show the values of a candle. */
  showCandle(candle: Candle | undefined, interval: Interval): void {
    const { time, change, origin, ...prices } = this.#values;
    write(time, candle ? timeText(candle.openMs, interval) : "–");
    for (const name of ["open", "high", "low", "close"] as const) {
      write(prices[name], candle ? priceText(candle[name]) : "–", candle?.[name]);
    }
    write(change, candle ? moveText(candle) : "–");
    change.dataset["way"] = WAYS[(candle ? moveOf(candle) : 0) + 1];
    write(origin, candle ? originText(candle) : "–");
  }

  /** Set the slider to a candle. A screen reader reads that if the slider has the focus, so not with each quote. */
  announce(candle: Candle | undefined, index: number, count: number, interval: Interval): void {
    this.plot.setAttribute("aria-valuemin", "0");
    this.plot.setAttribute("aria-valuemax", String(Math.max(0, count - 1)));
    this.plot.setAttribute("aria-valuenow", String(index));
    this.plot.setAttribute("aria-valuetext", candle ? sentenceOf(candle, interval) : t`no candle`);
  }
}

/** A choice by radio buttons, so that the arrow keys change it. The first choice of the dialog gets the focus. */
function choice(
  legend: string,
  name: string,
  offered: readonly (readonly [string, string])[],
  first: string,
): HTMLElement {
  const set = document.createElement("fieldset");
  set.append(make("legend", "chart-hidden", legend));
  for (const [value, words] of offered) {
    const label = document.createElement("label");
    const input = document.createElement("input");
    Object.assign(input, { type: "radio", name, value, defaultChecked: value === first });
    input.autofocus = name === "interval" && value === first;
    label.append(input, make("span", "", words));
    set.append(label);
  }
  return set;
}

/** Copy this text on a click. The button says whether it was copied. */
function copyOn(button: HTMLButtonElement, text: () => string): void {
  const name = button.textContent;
  button.addEventListener("click", async () => {
    const copied = navigator.clipboard?.writeText(text()) ?? Promise.reject(new Error("this page is not secure"));
    button.textContent = await copied.then(
      () => t`Copied`,
      () => t`The browser does not let the page copy`,
    );
    setTimeout(() => (button.textContent = name), SAID_MS);
  });
}

/** Candles in outline: bodies, and wicks that are longer and thinner. */
function skeleton(): SVGSVGElement {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "chart-skeleton");
  svg.setAttribute("viewBox", `0 0 ${SKELETON.candles * SKELETON.step} 100`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  for (const [width, length] of [
    [6, 1],
    [1, 2],
  ] as const) {
    const path = document.createElementNS(SVG, "path");
    const lines = Array.from({ length: SKELETON.candles }, (_, at) => {
      const half = (3 + 3 * Math.abs(Math.sin(at * 2.7))) * length;
      const middle = 50 - 22 * Math.sin(at / 6) - 7 * Math.sin(at * 1.9);
      return `M${(at + 0.5) * SKELETON.step} ${(middle - half).toFixed(1)}v${(2 * half).toFixed(1)}`;
    });
    path.setAttribute("d", lines.join(""));
    path.setAttribute("stroke-width", String(width));
    svg.append(path);
  }
  return svg;
}

function valueIn(list: HTMLElement, name: string, label: string): HTMLElement {
  const pair = make("div", `chart-of-${name}`);
  const value = make("dd", "");
  pair.append(make("dt", "", label), value);
  list.append(pair);
  return value;
}
