/** Properties of a session that hold whatever the network does to the frames. */

import { Session } from "cadfeed-client/session.ts";
import fc from "fast-check";
import { expect, it } from "vitest";
import type { Image } from "./market.ts";
import { disturbed, imagesOf, snapshotOf, ticks, understood, updateOf } from "./market.ts";

const PARTS = fc.integer({ min: 1, max: 3 });

/** A session with one connection that has received the first snapshot. */
function subscribed(first: Image): Session {
  const session = new Session(undefined, () => 0);
  session.start(0);
  session.opened(1, 0);
  for (const text of snapshotOf(first)) session.received(1, text, 0);
  return session;
}

/** The number of snapshots that it asks for while it receives these frames, all at once. */
function asksFor(session: Session, texts: readonly string[], now = 20_000): number {
  const commands = texts.flatMap((text) => session.received(1, text, now).commands);
  return commands.filter((command) => command.do === "send" && command.message.event === "snapshot").length;
}

function held(session: Session): object {
  const quotes = [...session.book.quotes.values()].sort((a, b) => (a.symbol < b.symbol ? -1 : 1));
  return {
    quotes: Object.fromEntries(quotes.map(({ symbol, spot, seq }) => [symbol, `${spot} of ${seq}`])),
    unavailable: [...session.book.unavailable].sort(),
  };
}

function last<T>(items: readonly T[]): T {
  const item = items.at(-1);
  if (item === undefined) throw new Error("there is none");
  return item;
}

function updates(images: readonly Image[], parts: number): string[][] {
  return images.slice(1).map((image, index) => updateOf(images[index] ?? image, image, parts));
}

it("without a loss the book is right, and needs no snapshot", () => {
  fc.assert(
    fc.property(ticks, PARTS, (all, parts) => {
      const images = imagesOf(all);
      const session = subscribed(last(images.slice(0, 1)));
      expect(asksFor(session, updates(images, parts).flat())).toBe(0);
      expect(held(session)).toEqual(understood(last(images)));
    }),
  );
});

it("in any order and number, the book ends as the server's", () => {
  const network = fc.tuple(ticks, PARTS).chain(([all, parts]) => {
    const images = imagesOf(all);
    return disturbed(updates(images, parts).flat()).map((texts) => ({ images, texts }));
  });
  fc.assert(
    fc.property(network, ({ images, texts }) => {
      const session = subscribed(last(images.slice(0, 1)));
      asksFor(session, texts);
      expect(held(session)).toEqual(understood(last(images)));
    }),
  );
});

it("after a loss it asks for a snapshot by the next update", () => {
  const network = fc.tuple(ticks, PARTS).chain(([all, parts]) => {
    const images = imagesOf(all);
    const frames = updates(images, parts);
    const lost = frames.slice(0, -1).flat();
    return fc
      .subarray(lost)
      .map((kept) => ({ images, texts: [...kept, ...last(frames)], isUpdate: last(frames).length > 0 }));
  });
  fc.assert(
    fc.property(network, ({ images, texts, isUpdate }) => {
      fc.pre(isUpdate);
      const session = subscribed(last(images.slice(0, 1)));
      const isRight = asksFor(session, texts) === 0;
      if (isRight) expect(held(session)).toEqual(understood(last(images)));
      for (const text of snapshotOf(last(images))) session.received(1, text, 30_000);
      expect(held(session)).toEqual(understood(last(images)));
      expect(asksFor(session, last([last(updates(images, 1))]), 50_000)).toBe(0);
    }),
  );
});

it("it asks for one snapshot at a time, whatever it misses", () => {
  fc.assert(
    fc.property(ticks, (all) => {
      const images = imagesOf(all);
      const session = subscribed(last(images.slice(0, 1)));
      const every = updates(images, 1)
        .filter((frames) => frames.length)
        .flat();
      expect(
        asksFor(
          session,
          every.filter((_, index) => index % 2 === 1),
        ),
      ).toBeLessThanOrEqual(1);
    }),
  );
});

it("a snapshot in parts, in any order, is a snapshot", () => {
  const network = fc.tuple(ticks, PARTS).chain(([all, parts]) => {
    const images = imagesOf(all);
    const texts = snapshotOf(last(images), parts);
    return fc.shuffledSubarray(texts, { minLength: texts.length }).map((shuffled) => ({ images, shuffled }));
  });
  fc.assert(
    fc.property(network, ({ images, shuffled }) => {
      const session = subscribed(last(images.slice(0, 1)));
      asksFor(session, shuffled);
      expect(held(session)).toEqual(understood(last(images)));
    }),
  );
});

it("no message breaks it, and it takes only complete quotes", () => {
  const key = fc.constantFrom(
    "event",
    "channel",
    "seq",
    "prev_seq",
    "data",
    "rows",
    "legend",
    "columns",
    "symbols",
    "sources_used",
    "renamed_to",
    "unavailable",
    "part",
    "parts",
    "id",
    "stale",
  );
  const word = fc.constantFrom(
    "snapshot",
    "update",
    "heartbeat",
    "closing",
    "error",
    "subscribed",
    "rates_batch",
    "rates_compact",
    "BTC_CAD",
  );
  const value = fc.oneof(word, fc.jsonValue({ maxDepth: 2 }), fc.nat(), fc.array(fc.jsonValue({ maxDepth: 1 })));
  const text = fc.oneof(
    fc.string(),
    fc.json(),
    fc.dictionary(key, value).map((fields) => JSON.stringify(fields)),
  );
  const first = imagesOf([])[0] ?? new Map();
  fc.assert(
    fc.property(fc.array(text, { maxLength: 20 }), (texts) => {
      const session = subscribed(first);
      asksFor(session, texts);
      for (const quote of session.book.quotes.values()) expect(quote.spot).toMatch(/^\d\.00001$/);
    }),
    { numRuns: 500 },
  );
});

it("the server understands every message that it sends", () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.stringMatching(/^[A-Z0-9]{2,5}_CAD$/), { maxLength: 100 }), (symbols) => {
      const session = new Session(symbols);
      session.start(0);
      const [command] = session.opened(1, 0).commands;
      const message = command?.do === "send" ? command.message : undefined;
      expect(message).toEqual({
        event: "subscribe",
        channel: "rates_compact",
        ...(symbols.length ? { symbols } : {}),
        id: 1,
      });
      expect(new TextEncoder().encode(JSON.stringify(message)).length).toBeLessThanOrEqual(4096);
    }),
  );
});
