/** A feed of all assets for the page under test: prices walk at random from a seed, and say that they are simulated. */

import { readFileSync } from "node:fs";

interface Listed {
  readonly asset: string;
  readonly name: string;
  readonly decimals: number;
  readonly renamed_to?: string;
}

export interface Asked {
  readonly event: string;
  readonly id?: number;
  readonly symbol?: string;
  readonly interval?: string;
  readonly limit?: number;
}

const HOUR_MS = 3_600_000;
const ASSETS: Listed[] = JSON.parse(readFileSync(new URL("../../../shared/model/assets.json", import.meta.url), "utf8"));
export const SYMBOLS: readonly string[] = ASSETS.map(({ asset }) => `${asset}_CAD`);
const STATUS = { binance: "ok", kraken: "ok", coinbase: "ok", coingecko: "ok", bank_of_canada: "ok", er_api: "ok" };
const DIGITS = 9;

export class Market {
  /** These have no price, and these one that no source confirms. */
  readonly unavailable = new Set<string>();
  readonly stale = new Set<string>();
  /** No other source agrees with the prices of these. */
  readonly alone = new Set<string>();
  hasCandles = true;
  /** How old the prices are that are not stale, if not below a second. */
  ageMs: number | undefined;
  /** By how much all prices have changed in a day, if not each by its own. */
  percent: number | undefined;
  status: Readonly<Record<string, string>> = STATUS;
  seq = 1;
  readonly #spots: Map<string, number>;
  #seed: number;

  constructor(seed = 7) {
    this.#seed = seed;
    this.#spots = new Map(ASSETS.map(({ asset, decimals }) => [`${asset}_CAD`, (2 + 7 * this.#random()) * 10 ** (5 - decimals)]));
  }

  snapshot(now: number): string {
    const data = this.#priced().map((symbol) => this.#quote(symbol, now));
    const fields = { channel: "rates_batch", event: "snapshot", seq: this.seq, ts: now, unavailable: [...this.unavailable], status: this.status };
    return framed(fields, data);
  }

  /** The next tick, in which most prices move. */
  update(now: number): string {
    const fields = { channel: "rates_batch", event: "update", prev_seq: this.seq, seq: ++this.seq, ts: now, unavailable: [] };
    const moving = this.#priced().filter((symbol) => !this.stale.has(symbol) && this.#random() < 0.9);
    for (const symbol of moving) this.#spots.set(symbol, this.#spot(symbol) * (1 + (this.#random() - 0.5) / 500));
    return framed(fields, moving.map((symbol) => this.#quote(symbol, now)));
  }

  /** What the feed answers to a message of the page. */
  answer(asked: Asked, now: number): string[] {
    const { event, id } = asked;
    switch (event) {
      case "subscribe":
        return [JSON.stringify({ event: "subscribed", status: "subscribed", channel: "rates_batch", symbols: SYMBOLS, id }), this.snapshot(now)];
      case "ping":
        return [JSON.stringify({ event: "pong", ts: now, id })];
      case "assets":
        return [JSON.stringify({ event, assets: ASSETS.map(listed), id })];
      case "history":
        return [this.#history(asked, now)];
      default:
        return [];
    }
  }

  #history({ symbol = "", interval, limit = 100, id }: Asked, now: number): string {
    const step = { "1m": 60_000, "1h": HOUR_MS, "1d": 24 * HOUR_MS }[interval ?? ""] ?? HOUR_MS;
    const opened = now - (now % step);
    let price = this.#spot(symbol);
    const candles: string[] = [];
    if (!this.hasCandles) limit = 0;
    for (let open = opened - step; candles.length < limit; open -= step) {
      const [close, before] = [price, price * (1 + (this.#random() - 0.5) / 40)];
      candles.unshift(`[${[open, ...[before, Math.max(before, close), Math.min(before, close), close].map(plain)].join()}]`);
      price = before;
    }
    return `{"event":"history","symbol":"${symbol}","interval":"${interval}","candles":[${candles.join()}],"part":1,"parts":1,"id":${id}}`;
  }

  #quote(symbol: string, now: number): string {
    const spot = this.#spot(symbol);
    const percent = this.percent ?? 12 * Math.sin(SYMBOLS.indexOf(symbol) * 1.7) ** 3;
    const ts = this.stale.has(symbol) ? now - 95_000 : now - (this.ageMs ?? Math.floor(900 * this.#random()));
    const source = SYMBOLS.indexOf(symbol) % 3 ? `binance:${symbol.slice(0, -4)}USDT x kraken:USDTCAD` : `kraken:${symbol.slice(0, -4)}CAD`;
    const sources = this.alone.has(symbol) ? 1 : 4;
    const rest = { timestamp: Math.floor(ts / 1000), ts, seq: this.seq, source, sources, simulated: true, ...(this.stale.has(symbol) ? { stale: true } : {}) };
    const prices = { bid: spot * 0.99991, ask: spot * 1.00006, spot, change: (spot * percent) / (100 + percent), change_pct: percent };
    const texts = Object.entries(prices).map(([name, price]) => `"${name}":${plain(price)}`);
    return `{"symbol":"${symbol}",${texts.join()},${JSON.stringify(rest).slice(1)}`;
  }

  #priced(): string[] {
    return SYMBOLS.filter((symbol) => !this.unavailable.has(symbol));
  }

  #spot(symbol: string): number {
    return this.#spots.get(symbol) ?? 1;
  }

  /** A number from 0 to 1, the same ones in each run: https://en.wikipedia.org/wiki/Linear_congruential_generator */
  #random(): number {
    this.#seed = (this.#seed * 1_664_525 + 1_013_904_223) % 2 ** 32;
    return this.#seed / 2 ** 32;
  }
}

function listed({ asset, name, decimals, renamed_to: renamedTo }: Listed): object {
  return { symbol: `${asset}_CAD`, base: asset, quote: "CAD", name, decimals, status: "live", ...(renamedTo ? { renamed_to: `${renamedTo}_CAD` } : {}) };
}

function framed(fields: object, data: readonly string[]): string {
  return `{"data":[${data.join()}],${JSON.stringify(fields).slice(1)}`;
}

/** As the feed writes it: never with an exponent. */
function plain(price: number): string {
  const places = Math.max(0, DIGITS - 1 - Math.floor(Math.log10(Math.abs(price) || 1)));
  return price.toFixed(places);
}
