/** The feed over real sockets, those of the platform. */

import { setTimeout as pause } from "node:timers/promises";
import type { Change, Heard, Quote, State } from "cadfeed-client";

import { Feed, FeedError, Refused } from "cadfeed-client";
import { afterEach, expect, it, vi } from "vitest";
import { imagesOf, snapshotOf, updateOf } from "./market.ts";
import { replying, withFeed } from "./server.ts";

const IMAGES = imagesOf([{ BTC_CAD: true }, { BTC_CAD: true, SHIB_CAD: false }, { ETH_CAD: true }]);
const [FIRST, SECOND, THIRD, FOURTH] = IMAGES as [Image, Image, Image, Image];
type Image = (typeof IMAGES)[number];

afterEach(() => {
  vi.restoreAllMocks();
});

function acked(id = 1): string {
  return JSON.stringify({ event: "subscribed", status: "subscribed", channel: "rates_batch", symbols: [], id });
}

it("a loop gets the whole state, then changes, and closes the connection", async () => {
  const closed: number[] = [];
  const asked: unknown[] = [];
  let goOn = (): void => undefined;
  await withFeed(
    (socket) => {
      socket.on("close", (code) => closed.push(code));
      replying(socket, (message) => {
        asked.push(message);
        goOn = () => updateOf(FIRST, SECOND).forEach((text) => socket.send(text));
        return [acked(message.id), ...snapshotOf(FIRST)];
      });
    },
    async (url) => {
      const seen: Quote[] = [];
      const feed = new Feed(url, { symbols: ["BTC_CAD", "ETH_CAD"] });
      for await (const quote of feed) {
        seen.push(quote);
        if (seen.length === 4) goOn();
        if (seen.length === 5) break;
      }
      expect(seen.map(({ symbol, spot }) => `${symbol} ${spot}`)).toEqual([
        "BTC_CAD 7.00001",
        "ETH_CAD 7.00001",
        "SHIB_CAD 8.00001",
        "XMR_CAD 7.00001",
        "BTC_CAD 2.500001",
      ]);
      expect(asked).toEqual([{ event: "subscribe", channel: "rates_compact", symbols: ["BTC_CAD", "ETH_CAD"], id: 1 }]);
      expect(feed.state.link).toBe("closed");
      await expect.poll(() => closed).toEqual([1000]);
    },
  );
});

it("a slow reader gets the latest quote of each symbol that has a price", async () => {
  await withFeed(
    (socket) =>
      replying(socket, ({ id }) => {
        const updates = [...updateOf(FIRST, SECOND), ...updateOf(SECOND, THIRD), ...updateOf(THIRD, FOURTH)];
        setTimeout(() => updates.forEach((text) => socket.send(text)), 50);
        return [acked(id), ...snapshotOf(FIRST)];
      }),
    async (url) => {
      const feed = new Feed(url);
      const seen: string[] = [];
      for await (const { symbol, spot } of feed) {
        seen.push(`${symbol} ${spot}`);
        if (seen.length === 1) await expect.poll(() => feed.book.seq).toBe(4);
        if (seen.length === 4) break;
      }
      expect(seen).toEqual(["BTC_CAD 7.00001", "ETH_CAD 4.500001", "XMR_CAD 7.00001", "BTC_CAD 3.500001"]);
      expect([...feed.book.unavailable]).toEqual(["SHIB_CAD"]);
    },
  );
});

it("a loop over the changes also gets each shown symbol that loses its price", async () => {
  let goOn = (): void => undefined;
  await withFeed(
    (socket) =>
      replying(socket, ({ id }) => {
        const updates = [...updateOf(FIRST, SECOND), ...updateOf(SECOND, THIRD)];
        goOn = () => updates.forEach((text) => socket.send(text));
        return [acked(id), ...snapshotOf(FIRST)];
      }),
    async (url) => {
      const seen: Change[] = [];
      for await (const change of new Feed(url).changes()) {
        seen.push(change);
        if (seen.length === 4) goOn();
        if (change.symbol === "SHIB_CAD" && !("spot" in change)) break;
      }
      expect(seen.slice(0, 4).map(({ symbol }) => symbol)).toEqual(["BTC_CAD", "ETH_CAD", "SHIB_CAD", "XMR_CAD"]);
      expect(seen.at(-1)).toEqual({ symbol: "SHIB_CAD", listed: true });
    },
  );
});

it("a cut connection is reopened and subscribed, and each state is reported once", async () => {
  const states: State[] = [];
  const all: Heard[] = [];
  await withFeed(
    (socket, number) =>
      replying(socket, ({ id }) => {
        if (number === 1) setTimeout(() => socket.terminate(), 20);
        else if (number === 2) setTimeout(() => socket.close(1012, "restarting"), 20);
        return [acked(id), ...snapshotOf(IMAGES[number - 1] ?? FIRST)];
      }),
    async (url) => {
      const feed = new Feed(url, { onState: (state) => states.push(state), onHeard: (heard) => all.push(heard) });
      await expect.poll(() => feed.book.seq, { timeout: 5000 }).toBe(3);
      feed.close();
      expect(states.map(({ link }) => link)).toEqual([
        "live",
        "reconnecting",
        "connecting",
        "live",
        "reconnecting",
        "connecting",
        "live",
        "closed",
      ]);
      expect(states.filter(({ link }) => link === "reconnecting").map(({ reason }) => reason)).toEqual([
        "The connection could not be made or broke.",
        "The server closed the connection: 1012 restarting",
      ]);
      expect(all.flatMap(({ changed }) => changed).filter(({ symbol }) => symbol === "XMR_CAD")).toHaveLength(1);
    },
  );
});

it("a new connection takes over before the server ends one", async () => {
  const ended: number[] = [];
  const states: string[] = [];
  await withFeed(
    (socket, number) => {
      socket.on("close", () => ended.push(number));
      replying(socket, ({ id }) => {
        if (number === 1)
          return [acked(id), ...snapshotOf(FIRST), JSON.stringify({ event: "closing", reconnect_in_ms: 30, ts: 1 })];
        setTimeout(() => updateOf(FIRST, SECOND).forEach((text) => socket.send(text)), 50);
        return [acked(id), ...snapshotOf(FIRST)];
      });
    },
    async (url) => {
      const seen: string[] = [];
      const feed = new Feed(url, { onState: ({ link }) => states.push(link) });
      for await (const { symbol, seq } of feed) {
        seen.push(`${symbol} ${seq}`);
        if (seq === 2) break;
      }
      expect(seen).toEqual(["BTC_CAD 1", "ETH_CAD 1", "SHIB_CAD 1", "XMR_CAD 1", "BTC_CAD 2"]);
      expect(states).toEqual(["live", "closed"]);
      await expect.poll(() => ended).toEqual([1, 2]);
    },
  );
});

it("a subscription that the server refuses ends the loop with its error", async () => {
  await withFeed(
    (socket) =>
      replying(socket, ({ id }) => [
        JSON.stringify({ event: "error", code: "unknown_symbol", message: "no such symbol: X", retryable: false, id }),
      ]),
    async (url) => {
      const feed = new Feed(url, { symbols: ["X"] });
      const next = feed[Symbol.asyncIterator]().next();
      await expect(next).rejects.toThrow(FeedError);
      await expect(next).rejects.toThrow(Refused);
      await expect(next).rejects.toMatchObject({ code: "unknown_symbol" });
    },
  );
});

it("closing ends a loop that waits, and nothing is tried again", async () => {
  let connections = 0;
  await withFeed(
    () => connections++,
    async (url) => {
      const feed = new Feed(url);
      const next = feed[Symbol.asyncIterator]().next();
      await expect.poll(() => connections).toBe(1);
      feed.close();
      expect(await next).toEqual({ done: true, value: undefined });
      await pause(700);
      expect(connections).toBe(1);
    },
  );
});

it("an address that is not a WebSocket's is refused at once", () => {
  expect(() => new Feed("mailto:feed@example.com")).toThrow(expect.objectContaining({ name: "SyntaxError" }));
});

it("connects at once when the network is back", async () => {
  let opened = 0;
  await withFeed(
    (socket) => {
      opened += 1;
      // Each of the first ones is broken, so that the next attempt is some seconds away.
      if (opened < 6) socket.terminate();
      else replying(socket, ({ id }) => [acked(id), ...snapshotOf(FIRST)]);
    },
    async (url) => {
      vi.spyOn(Math, "random").mockReturnValue(1);
      const feed = new Feed(url);
      for (let broken = 1; broken < 6; broken += 1) {
        await expect.poll(() => feed.state.link === "reconnecting" && opened).toBe(broken);
        feed.hasten();
      }
      await expect.poll(() => feed.state.link).toBe("live");
      feed.close();
    },
  );
});
