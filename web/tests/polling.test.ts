/** Prices over HTTP while no socket can be opened, and back again. */

import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { State } from "cadfeed-client";
import { Feed } from "cadfeed-client";
import type { Polled } from "cadfeed-client/polling.ts";
import { documentAddress, poll } from "cadfeed-client/polling.ts";
import { Session } from "cadfeed-client/session.ts";
import { describe, expect, it } from "vitest";
import { imagesOf, snapshotOf } from "./market.ts";

const [FIRST, SECOND] = imagesOf([{ BTC_CAD: true, ETH_CAD: true }]) as [Image, Image];
type Image = ReturnType<typeof imagesOf>[number];
const ACK = JSON.stringify({ event: "subscribed", status: "subscribed", channel: "rates_batch", symbols: [], id: 1 });
const [TEXT] = snapshotOf(FIRST) as [string];
const [LATER] = snapshotOf(SECOND) as [string];
const OPEN = new AbortController().signal;
const LATE = JSON.stringify({ status: 503, code: "late" });

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** Run `use` with the address of a server that refuses handshakes, and answers other requests with this. */
async function withServer(answer: Answer, use: (url: string) => Promise<void>): Promise<void> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  server.on("upgrade", (_, socket) => socket.end("HTTP/1.1 503 No\r\n\r\n"));
  try {
    await use(`ws://127.0.0.1:${(server.address() as AddressInfo).port}/markets/ws/`);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

async function read(text: string): Promise<Polled> {
  let polled: Polled | undefined;
  await withServer(
    (_, response) => response.end(text),
    async (url) => {
      polled = await poll(url, undefined, OPEN);
    },
  );
  if (!polled) throw new Error("nothing came");
  return polled;
}

/** A session that has asked for the document, since its socket was refused. */
function refused(every?: number): Session {
  const session = new Session(undefined, () => 1, every, true);
  session.start(0);
  session.lost(1, "No.", 0);
  session.elapsed(500);
  const { commands } = session.elapsed(3_000);
  expect(commands).toEqual([{ do: "poll" }]);
  return session;
}

describe("the document", () => {
  it("lies beside the socket", () => {
    expect(documentAddress("wss://example.com/markets/ws/")).toBe("https://example.com/markets/rates.json");
    expect(documentAddress("ws://localhost:8000/markets/ws?x=1")).toBe("http://localhost:8000/markets/rates.json");
    expect(() => documentAddress("wss://example.com/prod")).toThrow("ends with /ws/");
  });

  it("is read with all digits, and the time that caches keep it", async () => {
    await withServer(
      ({ url }, response) => {
        expect(url).toBe("/markets/rates.json");
        response.setHeader("Cache-Control", "public, max-age=5, must-revalidate").setHeader("Age", "2").end(TEXT);
      },
      async (url) => {
        const { frame, inMs } = await poll(url, undefined, OPEN);
        expect(frame?.data.map(({ spot }) => spot)).toEqual(["7.00001", "7.00001", "8.00001", "7.00001"]);
        expect(inMs).toBe(3_000);
      },
    );
  });

  it("shows only what was asked for", async () => {
    await withServer(
      (_, response) => response.end(TEXT),
      async (url) => {
        const { frame, rejected } = await poll(url, ["ETH_CAD", "NONE_CAD"], OPEN);
        expect(frame?.data.map(({ symbol }) => symbol)).toEqual(["ETH_CAD"]);
        expect(rejected).toEqual(["NONE_CAD"]);
      },
    );
  });

  it.each(["", "[]", "<html>", '{"seq": 1}', '{"code": "unavailable"}'])(
    "is asked for again later if it is %j",
    async (text) => {
      const polled = await read(text);
      expect(polled.frame).toBeUndefined();
      expect(polled.inMs).toBeGreaterThanOrEqual(10_000);
      expect(polled.inMs).toBeLessThanOrEqual(20_000);
    },
  );

  it("is asked for again later if nobody answers, or its address is not one of ours", async () => {
    expect((await poll("ws://127.0.0.1:1/markets/ws/", undefined, OPEN)).frame).toBeUndefined();
    expect((await poll("wss://example.invalid/prod", undefined, OPEN)).frame).toBeUndefined();
  });
});

describe("a session without a socket", () => {
  it("shows the document's prices, and asks for the next one when caches have it", async () => {
    const session = refused();
    const polled = { ...(await read(TEXT)), inMs: 4_000 };
    const { changed, isSnapshot } = session.polled(polled, 3_100);
    expect([changed.length, isSnapshot]).toEqual([4, true]);
    expect(session.state).toEqual({ link: "polling", reason: "No." });
    expect(session.elapsed(7_099).commands).not.toContainEqual({ do: "poll" });
    expect(session.elapsed(7_100).commands).toContainEqual({ do: "poll" });
  });

  it("goes back to the socket, and asks no more", async () => {
    const session = refused();
    session.polled(await read(TEXT), 3_100);
    session.opened(2, 3_200);
    expect(session.state.link).toBe("polling");
    session.received(2, ACK, 3_300);
    session.received(2, LATER, 3_300);
    expect(session.state.link).toBe("live");
    expect(session.book.seq).toBe(2);
    expect(session.elapsed(30_000).commands).not.toContainEqual({ do: "poll" });
  });

  it("ignores an answer that comes after the socket's, or from a cache that is behind", async () => {
    const session = refused();
    session.polled(await read(LATER), 3_100);
    session.elapsed(5_000);
    expect(session.polled(await read(TEXT), 5_000).changed).toEqual([]);
    session.opened(2, 5_100);
    session.received(2, ACK, 5_100);
    session.received(2, LATER, 5_100);
    session.polled(await read(TEXT), 5_200);
    expect(session.state.link).toBe("live");
    expect(session.book.seq).toBe(2);
  });

  it("believes a feed that counts from one again by its time", async () => {
    const session = refused();
    session.polled(await read(LATER), 3_100);
    session.elapsed(5_000);
    session.polled(await read(TEXT.replace('"ts":1,', '"ts":2,')), 5_000);
    expect([session.state.link, session.book.seq]).toEqual(["polling", 1]);
  });

  it("keeps what it shows while handshakes break before they tell anything", async () => {
    const session = refused();
    session.polled(await read(LATER), 3_100);
    session.opened(2, 3_200);
    session.received(2, ACK, 3_200);
    expect(session.state.link).toBe("polling");
    session.lost(2, "No.", 3_300);
    session.elapsed(5_000);
    expect(session.polled(await read(TEXT), 5_000).changed).toEqual([]);
    expect([session.state.link, session.book.seq]).toEqual(["polling", 2]);
  });

  it("says that the feed is late, and stops saying it", async () => {
    const session = refused();
    session.polled(await read(LATE), 3_100);
    expect(session.state.link).not.toBe("polling");
    session.elapsed(30_000);
    session.polled(await read(TEXT), 30_000);
    session.elapsed(60_000);
    session.polled(await read(LATE), 60_000);
    expect([session.state.link, session.book.status.late]).toEqual(["polling", true]);
    session.elapsed(90_000);
    session.polled(await read(LATER.replace('"ts":1,', '"ts":2,')), 90_000);
    expect([session.state.link, session.book.status.late]).toEqual(["polling", false]);
  });

  it("keeps to its own pace, and is not called live when the document fails", async () => {
    const session = refused(60);
    session.polled(await read(TEXT), 3_100);
    expect(session.elapsed(63_000).commands).not.toContainEqual({ do: "poll" });
    expect(session.elapsed(63_100).commands).toContainEqual({ do: "poll" });
    session.polled({ inMs: 10_000 }, 63_200);
    expect(session.state.link).not.toBe("polling");
  });

  it("never asks if it may not, or once it is closed", () => {
    const without = new Session(undefined, () => 1);
    without.start(0);
    without.lost(1, "No.", 0);
    expect(without.elapsed(60_000).commands).not.toContainEqual({ do: "poll" });
    const session = refused();
    session.close();
    expect(session.elapsed(60_000).commands).toEqual([]);
  });
});

it("a loop gets the prices although every socket is refused", { timeout: 20_000 }, async () => {
  await withServer(
    (_, response) => response.end(TEXT),
    async (url) => {
      const states: State["link"][] = [];
      const feed = new Feed(url, { symbols: ["SHIB_CAD"], onState: ({ link }) => states.push(link) });
      for await (const { symbol, spot } of feed) {
        expect([symbol, spot]).toEqual(["SHIB_CAD", "8.00001"]);
        break;
      }
      expect(states).toContain("polling");
    },
  );
});

it("a feed that is closed waits for no document", { timeout: 20_000 }, async () => {
  let ask = (_: IncomingMessage): void => undefined;
  const asked = new Promise<IncomingMessage>((resolve) => {
    ask = resolve;
  });
  await withServer(
    (request) => ask(request),
    async (url) => {
      const feed = new Feed(url);
      const { socket } = await asked;
      const gone = new Promise((resolve) => socket.once("close", resolve));
      feed.close();
      await gone;
      expect(feed.state.link).toBe("closed");
    },
  );
});
