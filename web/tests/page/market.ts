/** A feed of all assets for the page under test: prices walk at random from a seed, and are marked `simulated`. */

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
  readonly before?: number;
}

const HOUR_MS = 3_600_000;
const STEP_MS: Readonly<Record<string, number>> = { "1m": 60_000, "1h": HOUR_MS, "1d": 24 * HOUR_MS };
/** The candles of each interval that the feed has: of days, two years. */
const CANDLES = 730;
const TRENDS_IN_A_PART = 30;
const ASSETS: Listed[] = JSON.parse(
  readFileSync(new URL("../../../shared/model/assets.json", import.meta.url), "utf8"),
);
export const SYMBOLS: readonly string[] = ASSETS.map(({ asset }) => `${asset}_CAD`);
const STATUS = { binance: "ok", kraken: "ok", coinbase: "ok", coingecko: "ok", bank_of_canada: "ok", er_api: "ok" };
const DIGITS = 9;
const CANDIDATE = {
  currency: "CAD",
  rate: 1,
  rate_source: "",
  age_ms: 120,
  vote: true,
  verdict: "passed_over",
  reason: "behind",
};
/** Three markets that agree, one that does not, and one without a price. */
export const EXPLAINED = {
  reference: 100.01,
  dispersion: 0.0002,
  band: 0.02,
  sources: 3,
  candidates: [
    { ...CANDIDATE, source: "kraken", market: "XBTCAD", price: 80, price_cad: 80, reason: "outside_band" },
    {
      ...CANDIDATE,
      source: "binance",
      market: "BTCUSDT",
      currency: "USDT",
      price: 73,
      rate: 1.37,
      rate_source: "kraken:USDTCAD",
      price_cad: 100.01,
      verdict: "taken",
      reason: "first_in_band",
    },
    { ...CANDIDATE, source: "ndax", market: "BTC_CAD", price: 100.03, price_cad: 100.03, age_ms: 5120, old_last: true },
    {
      ...CANDIDATE,
      source: "coingecko",
      market: "bitcoin",
      price: 99.9,
      price_cad: 99.9,
      vote: false,
      reason: "not_fresh",
    },
    {
      ...CANDIDATE,
      source: "coinbase",
      market: "BTC-USD",
      currency: "USD",
      price: null,
      rate: null,
      price_cad: null,
      age_ms: null,
      vote: false,
      verdict: "unusable",
      reason: "no_answer",
    },
  ],
};

export class Market {
  /** The symbols without a price, and those with a stale one. */
  readonly unavailable = new Set<string>();
  readonly stale = new Set<string>();
  /** The symbols whose price has only one source. */
  readonly alone = new Set<string>();
  hasCandles = true;
  /** The symbol whose candles the feed refuses. */
  refused = "";
  /** What the feed answers to `explain`, without its event and its id; undefined: nothing yet. */
  explained: object | undefined = EXPLAINED;
  /** An older feed does not know `trends`, and says nothing of ticks. */
  isOlder = false;
  /** The feed has fetched its past, so that it has trends. */
  hasPast = true;
  /** The ticks of the candle that closed this many intervals ago. */
  ticksOf: (age: number) => number | null = (age) => (age > 5 ? 0 : 12);
  /** What the page asked for, oldest first. */
  readonly asked: Asked[] = [];
  /** The age of prices that are not stale, if it is not below a second. */
  ageMs: number | undefined;
  /** The 24 h change of all prices; without it, each has its own. */
  percent: number | undefined;
  status: Readonly<Record<string, string>> = STATUS;
  seq = 1;
  readonly #spots: Map<string, number>;
  #seed: number;

  constructor(seed = 7) {
    this.#seed = seed;
    this.#spots = new Map(
      ASSETS.map(({ asset, decimals }) => [`${asset}_CAD`, (2 + 7 * this.#random()) * 10 ** (5 - decimals)]),
    );
  }

  snapshot(now: number): string {
    const data = this.#priced().map((symbol) => this.#quote(symbol, now));
    const fields = {
      channel: "rates_batch",
      event: "snapshot",
      seq: this.seq,
      ts: now,
      unavailable: [...this.unavailable],
      status: this.status,
    };
    return framed(fields, data);
  }

  /** The next tick, in which most prices move. */
  update(now: number): string {
    const fields = {
      channel: "rates_batch",
      event: "update",
      prev_seq: this.seq,
      seq: ++this.seq,
      ts: now,
      unavailable: [],
    };
    const moving = this.#priced().filter((symbol) => !this.stale.has(symbol) && this.#random() < 0.9);
    for (const symbol of moving) this.#spots.set(symbol, this.#spot(symbol) * (1 + (this.#random() - 0.5) / 500));
    return framed(
      fields,
      moving.map((symbol) => this.#quote(symbol, now)),
    );
  }

  /** The price of a symbol, as the feed writes it. */
  spotOf(symbol: string): string {
    return plain(this.#spot(symbol));
  }

  /** Set a symbol's price; the next ticks move it from there. */
  setSpot(symbol: string, spot: number): void {
    this.#spots.set(symbol, spot);
  }

  /** The feed's answer to a message of the page. */
  answer(asked: Asked, now: number): string[] {
    const { event, id } = asked;
    this.asked.push(asked);
    switch (event) {
      case "subscribe":
        return [
          JSON.stringify({ event: "subscribed", status: "subscribed", channel: "rates_batch", symbols: SYMBOLS, id }),
          this.snapshot(now),
        ];
      case "ping":
        return [JSON.stringify({ event: "pong", ts: now, id })];
      case "assets":
        return [JSON.stringify({ event, assets: ASSETS.map(listed), id })];
      case "explain":
        return this.explained
          ? [JSON.stringify({ event, symbol: asked.symbol, seq: this.seq, ts: now, ...this.explained, id })]
          : [];
      case "history":
        return asked.symbol === this.refused ? [unknown(asked)] : [this.#history(asked, now)];
      case "trends":
        return this.isOlder ? [unknown(asked)] : this.#trends(asked, now);
      default:
        return [];
    }
  }

  #history(
    { symbol = "", interval = "", limit = 100, before = Number.POSITIVE_INFINITY, id }: Asked,
    now: number,
  ): string {
    const step = STEP_MS[interval] ?? HOUR_MS;
    const last = Math.floor(now / step) * step - step;
    const skipped = Number.isFinite(before) ? Math.max(0, Math.floor((last - before) / step) + 1) : 0;
    const count = this.hasCandles ? Math.max(0, Math.min(limit, CANDLES - skipped)) : 0;
    let price = this.#spot(symbol);
    const candles: string[] = [];
    const ticks: (number | null)[] = [];
    for (let age = skipped; age < skipped + count; age += 1) {
      const [close, open] = [price, price * (1 + (this.#random() - 0.5) / 40)];
      const prices = [open, Math.max(open, close), Math.min(open, close), close];
      candles.unshift(`[${[last - age * step, ...prices.map(plain)].join()}]`);
      ticks.unshift(this.ticksOf(age));
      price = open;
    }
    const counted = this.isOlder ? "" : `"ticks":${JSON.stringify(ticks)},`;
    return `{"event":"history","symbol":"${symbol}","interval":"${interval}","candles":[${candles.join()}],${counted}"part":1,"parts":1,"id":${id}}`;
  }

  #trends({ id }: Asked, now: number): string[] {
    const until = this.hasPast ? Math.floor(now / HOUR_MS) * HOUR_MS : 0;
    const rows = (this.hasPast ? this.#priced() : []).map((symbol) => {
      const closes = Array.from({ length: 24 }, () =>
        Number((this.#spot(symbol) * (1 + this.#random() / 20)).toPrecision(5)),
      );
      return `["${symbol}",${closes.map(plain).join()}]`;
    });
    const parts = Math.max(1, Math.ceil(rows.length / TRENDS_IN_A_PART));
    return Array.from({ length: parts }, (_, part) => {
      const some = rows.slice(part * TRENDS_IN_A_PART, (part + 1) * TRENDS_IN_A_PART);
      return `{"event":"trends","interval":"1h","until":${until},"trends":[${some.join()}],"part":${part + 1},"parts":${parts},"id":${id}}`;
    });
  }

  #quote(symbol: string, now: number): string {
    const spot = this.#spot(symbol);
    const percent = this.percent ?? 12 * Math.sin(SYMBOLS.indexOf(symbol) * 1.7) ** 3;
    const ts = this.stale.has(symbol) ? now - 95_000 : now - (this.ageMs ?? Math.floor(900 * this.#random()));
    const source =
      SYMBOLS.indexOf(symbol) % 3
        ? `binance:${symbol.slice(0, -4)}USDT x kraken:USDTCAD`
        : `kraken:${symbol.slice(0, -4)}CAD`;
    const sources = this.alone.has(symbol) ? 1 : 4;
    const rest = {
      timestamp: Math.floor(ts / 1000),
      ts,
      seq: this.seq,
      source,
      sources,
      simulated: true,
      ...(this.stale.has(symbol) ? { stale: true } : {}),
    };
    const prices = {
      bid: spot * 0.99991,
      ask: spot * 1.00006,
      spot,
      change: (spot * percent) / (100 + percent),
      change_pct: percent,
    };
    const texts = Object.entries(prices).map(([name, price]) => `"${name}":${plain(price)}`);
    return `{"symbol":"${symbol}",${texts.join()},${JSON.stringify(rest).slice(1)}`;
  }

  #priced(): string[] {
    return SYMBOLS.filter((symbol) => !this.unavailable.has(symbol));
  }

  #spot(symbol: string): number {
    return this.#spots.get(symbol) ?? 1;
  }

  /** A random number from 0 to 1, the same sequence in each run: https://en.wikipedia.org/wiki/Linear_congruential_generator */
  #random(): number {
    this.#seed = (this.#seed * 1_664_525 + 1_013_904_223) % 2 ** 32;
    return this.#seed / 2 ** 32;
  }
}

function unknown({ event, id }: Asked): string {
  return JSON.stringify({
    event: "error",
    code: "unknown_event",
    message: `no such event: ${event}`,
    retryable: false,
    id,
  });
}

function listed({ asset, name, decimals, renamed_to: renamedTo }: Listed): object {
  return {
    symbol: `${asset}_CAD`,
    base: asset,
    quote: "CAD",
    name,
    decimals,
    status: "live",
    ...(renamedTo ? { renamed_to: `${renamedTo}_CAD` } : {}),
  };
}

function framed(fields: object, data: readonly string[]): string {
  return `{"data":[${data.join()}],${JSON.stringify(fields).slice(1)}`;
}

/** A number as the feed writes it: never with an exponent. */
function plain(price: number): string {
  const places = Math.max(0, DIGITS - 1 - Math.floor(Math.log10(Math.abs(price) || 1)));
  return price.toFixed(places);
}
