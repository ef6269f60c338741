/** The drawing. Only this file uses lightweight-charts, which is loaded with the first chart. */

import type { Candle, Interval } from "cadfeed-client";
import { isBackfilled } from "cadfeed-client";
import type {
  CandlestickData,
  IChartApi,
  IPriceLine,
  ISeriesApi,
  LineData,
  MouseEventParams,
  UTCTimestamp,
} from "lightweight-charts";
import {
  CandlestickSeries,
  ColorType,
  CrosshairMode,
  createChart,
  LineSeries,
  LineStyle,
  PriceScaleMode,
} from "lightweight-charts";
import { LOCALE } from "../format.ts";
import type { Style } from "./look.ts";
import { decimalsOf, timeText } from "./words.ts";

const BAR_SPACING = 8;
/** The space between the last candle and the price scale, in candles. */
const RIGHT_OFFSET = 4;
/** When the first candle is this many candles away from the visible ones, the chart asks for older ones. */
const EARLY = 20;
const ZOOM = 1.25;
/** How much of its colour a candle from an exchange's history has; the rest is the paper's. */
const PALE = 0.55;
const PERCENT = new Intl.NumberFormat(LOCALE, { style: "percent", minimumFractionDigits: 2, maximumFractionDigits: 2 });

export interface Handlers {
  /** The pointer is over the candle that began at this time; undefined: over no candle. */
  readonly onHover: (openMs: number | undefined) => void;
  /** The oldest candles are visible, or nearly. */
  readonly onStart: () => void;
}

export class Canvas {
  readonly #container: HTMLElement;
  readonly #chart: IChartApi;
  #series: ISeriesApi<"Candlestick"> | ISeriesApi<"Line">;
  /** The asset that it is compared with. */
  #other: ISeriesApi<"Line"> | undefined;
  #style: Style = "candles";
  #candles: readonly Candle[] = [];
  #colours: Colours;
  /** The highest and the lowest price that is visible. */
  #extremes: readonly [high: IPriceLine, low: IPriceLine] | undefined;
  /** The pointer is over the drawing, so the crosshair is where the pointer is, also when the chart moves under it. */
  #isPointed = false;
  readonly #listening = new AbortController();
  readonly #themes: MutationObserver;
  #interval: Interval = "1m";

  constructor(host: HTMLElement, { onHover, onStart }: Handlers) {
    // The library puts its canvases into a table, which must not get the page's styles for tables.
    const container = document.createElement("div");
    container.style.height = "100%";
    host.attachShadow({ mode: "open" }).append(container);
    this.#container = container;
    this.#chart = createChart(container, {
      autoSize: true,
      // The panel names the library, with a link.
      layout: { attributionLogo: false, fontFamily: getComputedStyle(host).fontFamily, fontSize: 12 },
      localization: {
        locale: LOCALE,
        timeFormatter: (time: UTCTimestamp) => timeText(time * 1000, this.#interval),
        percentageFormatter: (percent: number) => PERCENT.format(percent / 100),
      },
      // The crosshair does not snap to a price of a candle.
      crosshair: { mode: CrosshairMode.Normal },
      rightPriceScale: { scaleMargins: { top: 0.1, bottom: 0.08 }, entireTextOnly: true },
      timeScale: { barSpacing: BAR_SPACING, rightOffset: RIGHT_OFFSET, secondsVisible: false },
      handleScroll: { vertTouchDrag: false },
      kineticScroll: { mouse: false, touch: !matchMedia("(prefers-reduced-motion: reduce)").matches },
    });
    this.#series = this.#chart.addSeries(CandlestickSeries);
    this.#colours = coloursOf(container);
    this.#chart.subscribeCrosshairMove(({ time, sourceEvent }: MouseEventParams) => {
      if (sourceEvent) this.#isPointed = true;
      if (this.#isPointed) onHover(time === undefined ? undefined : Number(time) * 1000);
    });
    this.#chart.timeScale().subscribeVisibleLogicalRangeChange((range) => {
      if (range && range.from < EARLY) onStart();
      this.#markExtremes();
    });
    const { signal } = this.#listening;
    host.addEventListener(
      "pointerleave",
      () => {
        this.#isPointed = false;
        onHover(undefined);
      },
      { signal },
    );
    for (const medium of ["(prefers-color-scheme: dark)", "(forced-colors: active)"])
      matchMedia(medium).addEventListener("change", () => this.#paint(), { signal });
    this.#themes = new MutationObserver(() => this.#paint());
    this.#themes.observe(document.documentElement, { attributes: true });
    this.#paint();
  }

  /** Draw all candles. `fromStart`: they have another interval, so show the latest. */
  show(candles: readonly Candle[], interval: Interval, style: Style, fromStart: boolean): void {
    this.#interval = interval;
    this.#candles = candles;
    if (style !== this.#style) this.#drawAs(style);
    const decimals = decimalsOf(candles.at(-1)?.close ?? "1");
    const digits = { minimumFractionDigits: decimals, maximumFractionDigits: decimals };
    const format = new Intl.NumberFormat(LOCALE, digits);
    this.#series.applyOptions({
      priceFormat: { type: "custom", minMove: 10 ** -decimals, formatter: (price: number) => format.format(price) },
    });
    this.#chart.applyOptions({ timeScale: { timeVisible: interval !== "1d" } });
    this.#setData();
    if (fromStart) this.#chart.timeScale().resetTimeScale();
    this.#markExtremes();
  }

  /** Draw the last candle, or one after it. */
  update(candle: Candle): void {
    if (this.#style === "line") (this.#series as ISeriesApi<"Line">).update(this.#pointOf(candle));
    else (this.#series as ISeriesApi<"Candlestick">).update(this.#barOf(candle));
    this.#markExtremes();
  }

  /** Compare with these candles of another asset: both in percent from where the visible part begins. Without any, show
   * prices again. Each must have the time of a candle that is drawn. */
  compare(others: readonly Candle[] | undefined): void {
    const { Percentage, Normal } = PriceScaleMode;
    this.#chart.priceScale("right").applyOptions({ mode: others ? Percentage : Normal });
    if (!others) {
      if (this.#other) this.#chart.removeSeries(this.#other);
      this.#other = undefined;
      return;
    }
    this.#other ??= this.#chart.addSeries(LineSeries, { lineWidth: 2, priceLineVisible: false });
    this.#other.setData(others.map(pointOf));
    this.#paintSeries();
  }

  /** Draw the last candle of the other asset. */
  updateOther(candle: Candle): void {
    this.#other?.update(pointOf(candle));
  }

  /** Put the crosshair on a candle and make the candle visible; without a candle, remove the crosshair. */
  select(candle: Candle | undefined, index = 0): void {
    this.#isPointed = false;
    if (!candle) {
      this.#chart.clearCrosshairPosition();
      return;
    }
    const scale = this.#chart.timeScale();
    const range = scale.getVisibleLogicalRange();
    if (range && (index < range.from + 1 || index > range.to - 1)) {
      const half = (range.to - range.from) / 2;
      scale.setVisibleLogicalRange({ from: index - half, to: index + half });
    }
    this.#chart.setCrosshairPosition(Number(candle.close), timeOf(candle), this.#series);
  }

  /** Make candles wider (1) or narrower (-1). */
  zoom(way: 1 | -1): void {
    const scale = this.#chart.timeScale();
    scale.applyOptions({ barSpacing: scale.options().barSpacing * ZOOM ** way });
  }

  remove(): void {
    this.#listening.abort();
    this.#themes.disconnect();
    this.#chart.remove();
  }

  /** Draw candles, or a line through their last prices, in place of what is drawn. */
  #drawAs(style: Style): void {
    this.#style = style;
    this.#chart.removeSeries(this.#series);
    this.#extremes = undefined;
    this.#series = style === "line" ? this.#chart.addSeries(LineSeries) : this.#chart.addSeries(CandlestickSeries);
    this.#paintSeries();
  }

  #setData(): void {
    if (this.#style === "line") {
      (this.#series as ISeriesApi<"Line">).setData(this.#candles.map((candle) => this.#pointOf(candle)));
    } else {
      (this.#series as ISeriesApi<"Candlestick">).setData(this.#candles.map((candle) => this.#barOf(candle)));
    }
  }

  /** A line at the highest and one at the lowest price of what is visible. */
  #markExtremes(): void {
    const range = this.#chart.timeScale().getVisibleLogicalRange();
    const seen = range ? this.#candles.slice(Math.max(0, Math.floor(range.from)), Math.ceil(range.to) + 1) : [];
    if (!seen.length) return;
    const isLine = this.#style === "line";
    const high = Math.max(...seen.map((candle) => Number(isLine ? candle.close : candle.high)));
    const low = Math.min(...seen.map((candle) => Number(isLine ? candle.close : candle.low)));
    const look = { ...this.#markColours(), lineWidth: 1, lineStyle: LineStyle.Dotted } as const;
    this.#extremes ??= [
      this.#series.createPriceLine({ ...look, price: high, title: t`high` }),
      this.#series.createPriceLine({ ...look, price: low, title: t`low` }),
    ];
    const [top, bottom] = this.#extremes;
    if (top.options().price !== high) top.applyOptions({ price: high });
    if (bottom.options().price !== low) bottom.applyOptions({ price: low });
  }

  #markColours(): { color: string; axisLabelColor: string; axisLabelTextColor: string } {
    const [, paper, faint] = this.#colours;
    return { color: faint, axisLabelColor: paper, axisLabelTextColor: faint };
  }

  #barOf(candle: Candle): CandlestickData<UTCTimestamp> {
    const { open, high, low, close } = candle;
    const bar = { open: Number(open), high: Number(high), low: Number(low), close: Number(close) };
    if (!isBackfilled(candle)) return { time: timeOf(candle), ...bar };
    const [, paper, , , up, down] = this.#colours;
    const isUp = bar.close >= bar.open;
    const pale = mixed(isUp ? up : down, paper);
    return { time: timeOf(candle), ...bar, color: isUp ? paper : pale, borderColor: pale, wickColor: pale };
  }

  #pointOf(candle: Candle): LineData<UTCTimestamp> {
    const [ink, paper] = this.#colours;
    return isBackfilled(candle) ? { ...pointOf(candle), color: mixed(ink, paper) } : pointOf(candle);
  }

  #paint(): void {
    this.#colours = coloursOf(this.#container);
    const [ink, paper, faint, line] = this.#colours;
    this.#chart.applyOptions({
      layout: { textColor: faint, background: { type: ColorType.Solid, color: paper } },
      grid: { vertLines: { visible: false }, horzLines: { color: line } },
      crosshair: {
        vertLine: { color: faint, labelBackgroundColor: ink },
        horzLine: { color: faint, labelBackgroundColor: ink },
      },
      rightPriceScale: { borderColor: line },
      timeScale: { borderColor: line },
    });
    this.#paintSeries();
    for (const mark of this.#extremes ?? []) mark.applyOptions(this.#markColours());
    this.#setData();
  }

  /** Rising candles are hollow and falling ones are filled, for users who cannot tell the colours apart. */
  #paintSeries(): void {
    const [ink, paper, faint, , up, down, other] = this.#colours;
    if (this.#style === "line") {
      (this.#series as ISeriesApi<"Line">).applyOptions({ color: ink, lineWidth: 2, priceLineColor: faint });
    } else {
      (this.#series as ISeriesApi<"Candlestick">).applyOptions({
        upColor: paper,
        borderUpColor: up,
        wickUpColor: up,
        downColor: down,
        borderDownColor: down,
        wickDownColor: down,
        priceLineColor: faint,
      });
    }
    this.#other?.applyOptions({ color: other });
  }
}

type Colours = [ink: string, paper: string, faint: string, line: string, up: string, down: string, other: string];

/** The page's current colours: a canvas cannot use CSS variables. */
function coloursOf(container: HTMLElement): Colours {
  const probe = container.appendChild(document.createElement("span"));
  // Else every colour is that of texts where the visitor forces colours.
  probe.style.setProperty("forced-color-adjust", "none");
  const colours = ["ink", "paper", "faint", "line", "up", "down", "other"].map((name) => {
    probe.style.color = `var(--chart-${name})`;
    return getComputedStyle(probe).color;
  });
  probe.remove();
  return colours as Colours;
}

/** A colour with some of the paper's in it, both as `rgb(1, 2, 3)`, which is all that the library knows. */
function mixed(colour: string, paper: string): string {
  const [strong, weak] = [colour, paper].map((text) => (text.match(/[\d.]+/g) ?? []).map(Number));
  const parts = [0, 1, 2].map((part) => Math.round(PALE * (strong?.[part] ?? 0) + (1 - PALE) * (weak?.[part] ?? 0)));
  return `rgb(${parts.join(", ")})`;
}

function pointOf(candle: Candle): LineData<UTCTimestamp> {
  return { time: timeOf(candle), value: Number(candle.close) };
}

function timeOf({ openMs }: Candle): UTCTimestamp {
  return (openMs / 1000) as UTCTimestamp;
}
