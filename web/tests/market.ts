/** A model of a feed: its ticks, the frames for them, and the book that a client should have in the end. */

import fc from "fast-check";

const SYMBOLS = ["BTC_CAD", "ETH_CAD", "SHIB_CAD", "XMR_CAD"];

/** What one tick does: symbols that get a new price (`true`) or lose theirs. */
type Tick = Partial<Record<string, boolean>>;
type Fields = Record<string, unknown>;

interface Entry {
  readonly seq: number;
  readonly spot: string | undefined;
}

/** The state after a tick: of each symbol the price, if it has one, and the tick of its last change. */
export type Image = ReadonlyMap<string, Entry>;

export const ticks: fc.Arbitrary<Tick[]> = fc.array(
  fc.dictionary(fc.constantFrom(...SYMBOLS), fc.boolean(), { minKeys: 1 }),
  { minLength: 1, maxLength: 12 },
);

/** These frames in any order, some of them twice. */
export function disturbed(frames: readonly string[]): fc.Arbitrary<string[]> {
  return fc
    .subarray([...frames])
    .chain((again) => fc.shuffledSubarray([...frames, ...again], { minLength: frames.length + again.length }));
}

/** The states after each tick, beginning with the state before all of them. */
export function imagesOf(all: readonly Tick[]): Image[] {
  const images: Image[] = [new Map(SYMBOLS.map((symbol) => [symbol, { seq: 1, spot: `${symbol.length}.00001` }]))];
  for (const tick of all) {
    const image = new Map(images.at(-1));
    const seq = images.length + 1;
    for (const [symbol, hasPrice] of Object.entries(tick)) {
      if (hasPrice || image.get(symbol)?.spot) image.set(symbol, { seq, spot: hasPrice ? `${seq}.500001` : undefined });
    }
    images.push(image);
  }
  return images;
}

/** The frames with the changes from one state to the next, in a number of parts; none if nothing changed. */
export function updateOf(old: Image, image: Image, parts = 1): string[] {
  const changed = [...image].filter(([symbol, entry]) => entry.seq > (old.get(symbol)?.seq ?? 0));
  if (!changed.length) return [];
  return inParts(changed, parts).map((entries, index) =>
    frame("update", image, entries, index + 1, parts, { prev_seq: index ? seqOf(image) : seqOf(old) }),
  );
}

export function snapshotOf(image: Image, parts = 1): string[] {
  return inParts([...image], parts).map((entries, index) => frame("snapshot", image, entries, index + 1, parts));
}

/** The book of a client that has received this state. */
export function understood(image: Image): Fields {
  const held = [...image].filter(([, { spot }]) => spot !== undefined);
  return {
    quotes: Object.fromEntries(held.map(([symbol, { seq, spot }]) => [symbol, `${spot} of ${seq}`])),
    unavailable: [...image].filter(([, { spot }]) => spot === undefined).map(([symbol]) => symbol),
  };
}

function frame(
  event: string,
  image: Image,
  entries: [string, Entry][],
  part: number,
  parts: number,
  more: Fields = {},
): string {
  const data = entries.filter(([, { spot }]) => spot !== undefined).map(([symbol, entry]) => quoteText(symbol, entry));
  const unavailable = entries.filter(([, { spot }]) => spot === undefined).map(([symbol]) => symbol);
  const fields = { channel: "rates_batch", event, seq: seqOf(image), ts: 1, unavailable, ...more };
  const split = parts > 1 ? { part, parts } : {};
  return `{"data":[${data.join()}],${JSON.stringify({ ...fields, ...split }).slice(1)}`;
}

/** As text, so that a price keeps all its digits. */
function quoteText(symbol: string, { seq, spot }: Entry): string {
  const rest = JSON.stringify({ timestamp: 1, ts: 1000, bid: 1, ask: 1, change: 0, change_pct: 0, source: "kraken:X" });
  return `{"symbol":"${symbol}","seq":${seq},"spot":${spot},${rest.slice(1)}`;
}

function seqOf(image: Image): number {
  return Math.max(...[...image.values()].map(({ seq }) => seq));
}

function inParts<T>(items: readonly T[], parts: number): T[][] {
  return Array.from({ length: parts }, (_, part) => items.filter((_item, index) => index % parts === part));
}
