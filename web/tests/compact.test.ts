/** Rows of `rates_compact`: the numbers that follow from others, and the book that rows make in whatever order they come. */

import { Legends, percentOf } from "cadfeed-client/compact.ts";
import { Session } from "cadfeed-client/session.ts";
import fc from "fast-check";
import { expect, it } from "vitest";
import type { Image } from "./market.ts";
import { disturbed, imagesOf, ticks, understood } from "./market.ts";

const COLUMNS = ["i", "bid", "ask", "spot", "change", "age_ms", "sources", "flags", "seq", "change_pct"];
/** A number with up to 40 digits, as text, and in units of its last place. */
const NUMBER = fc
  .record({ digits: fc.bigInt({ min: -(10n ** 40n), max: 10n ** 40n }), places: fc.nat({ max: 20 }) })
  .map(({ digits, places }) => ({ digits, places, text: written(digits, places) }));

function written(digits: bigint, places: number): string {
  const padded = String(digits < 0n ? -digits : digits).padStart(places + 1, "0");
  const fraction = padded.slice(padded.length - places);
  return `${digits < 0n ? "-" : ""}${padded.slice(0, padded.length - places)}${places ? `.${fraction}` : ""}`;
}

it("percent is the nearest of six places, the even one of two", () => {
  fc.assert(
    fc.property(NUMBER, NUMBER, (change, spot) => {
      const [moved, now] = [change.digits * 10n ** BigInt(spot.places), spot.digits * 10n ** BigInt(change.places)];
      const before = now - moved;
      const text = percentOf(change.text, spot.text);
      if (before === 0n) {
        expect(text).toBe("0");
        return;
      }
      const [, sign = "", whole = "", places = ""] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text) ?? [];
      const millionths = BigInt(`${sign}${whole}${places.slice(0, 6).padEnd(6, "0")}`);
      expect(places.slice(6)).toMatch(/^0*$/);
      const twice = 2n * abs(moved * 10n ** 8n - millionths * before);
      expect(twice <= abs(before)).toBe(true);
      if (twice === abs(before)) expect(millionths % 2n).toBe(0n);
      if (text !== "0") expect((whole + places).replace(/^0+/, "").length).toBeGreaterThanOrEqual(6);
    }),
  );
});

it.each([
  ["1", "1", "0"],
  ["-0.000000026694", "0.000012439404", "-0.214133"],
  ["12", "112", "12.0000"],
  ["0.00000050", "100.0000005", "0"],
  ["0.0000015", "100.0000015", "0.00000200000"],
])("percent of %s in %s is %s", (change, spot, expected) => {
  expect(percentOf(change, spot)).toBe(expected);
});

it.each(["1e5", "one", "1.2e3", "NaN"])("percent of %s is an error", (change) => {
  expect(() => percentOf(change, "1")).toThrow(SyntaxError);
});

it("in any order and number, rows end as the server's book", () => {
  const network = ticks.chain((all) => {
    const images = imagesOf(all);
    const frames = images.slice(1).map((image, index) => frameOf(image, images[index]));
    return disturbed(frames).map((texts) => ({ images, texts }));
  });
  fc.assert(
    fc.property(network, ({ images, texts }) => {
      const session = new Session(undefined, () => 0);
      session.start(0);
      session.opened(1, 0);
      for (const text of [frameOf(images[0]), ...texts]) session.received(1, text, 20_000);
      const last = images.at(-1) ?? new Map();
      expect(
        Object.fromEntries([...session.book.quotes].map(([s, { spot, seq }]) => [s, `${spot} of ${seq}`])),
      ).toEqual(understood(last)["quotes"]);
      expect([...session.book.unavailable].sort()).toEqual(understood(last)["unavailable"]);
    }),
  );
});

it("only the newest legends are kept, and one that is stated again is new", () => {
  const legends = new Legends();
  const told = (legend: number, more: object = {}): boolean =>
    legends.quotesOf({ legend, rows: [], seq: 1, ts: 1, ...more }) !== undefined;
  const content = { columns: COLUMNS, symbols: ["BTC_CAD"], sources_used: ["kraken:XBTCAD"] };
  for (const legend of [0, 1, 2, 3, 4, 5, 6, 7, 0, 8]) expect(told(legend, content)).toBe(true);
  expect([0, 1, 2, 8].map((legend) => told(legend))).toEqual([true, false, true, true]);
});

/** The snapshot of a state, or with the state before it the update, as text, so that prices keep all their digits. */
function frameOf(image: Image = new Map(), before?: Image): string {
  const symbols = [...image.keys()];
  const told = [...image].filter(([symbol, { seq }]) => !before || seq > (before.get(symbol)?.seq ?? 0));
  const rows = told
    .filter(([, { spot }]) => spot !== undefined)
    .map(([symbol, { seq, spot }]) => `[${symbols.indexOf(symbol)},1,1,${spot},0,-999,1,0,${seq}]`);
  const unavailable = told.filter(([, { spot }]) => spot === undefined).map(([symbol]) => symbol);
  const legend = { legend: "5f0c93d1", columns: COLUMNS, symbols, sources_used: symbols.map(() => "kraken:X") };
  const fields = {
    channel: "rates_compact",
    event: before ? "update" : "snapshot",
    seq: seqOf(image),
    ts: 1,
    unavailable,
    ...(before ? { prev_seq: seqOf(before), legend: legend.legend } : legend),
  };
  return `{"rows":[${rows.join()}],${JSON.stringify(fields).slice(1)}`;
}

function seqOf(image: Image): number {
  return Math.max(...[...image.values()].map(({ seq }) => seq));
}

function abs(number: bigint): bigint {
  return number < 0n ? -number : number;
}
