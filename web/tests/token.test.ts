/** A token comes with each connection; the page takes it out of its address. */

import type { IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import type { Token } from "cadfeed-client";
import { Feed } from "cadfeed-client";
import { afterEach, expect, it, vi } from "vitest";
import { WebSocketServer } from "ws";
import { takeToken } from "../src/token.ts";

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

/** Run `use` with a feed whose first connections end at once. Returns what each handshake offered. */
async function offered(token: Token | undefined, wanted: number, ended = 0): Promise<(string | undefined)[]> {
  vi.spyOn(Math, "random").mockReturnValue(0.001);
  const seen: (string | undefined)[] = [];
  const server = new WebSocketServer({
    port: 0,
    host: "127.0.0.1",
    handleProtocols: (names: Set<string>) => (names.has("cadfeed") ? "cadfeed" : false),
  });
  server.on("connection", (socket, request: IncomingMessage) => {
    seen.push(request.headers["sec-websocket-protocol"]);
    if (seen.length <= ended) socket.close();
  });
  await new Promise((resolve) => server.once("listening", resolve));
  const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/markets/ws/`;
  const feed = new Feed(url, token === undefined ? {} : { token });
  try {
    await expect.poll(() => seen.length, { timeout: 10_000 }).toBe(wanted);
  } finally {
    feed.close();
    for (const client of server.clients) client.terminate();
    await new Promise((resolve) => server.close(resolve));
  }
  return seen;
}

it("a client offers its token", async () => {
  expect(await offered("a.b.c", 1)).toEqual(["cadfeed, cadfeed.token.a.b.c"]);
  expect(await offered(() => "a.b.c\n", 1)).toEqual(["cadfeed, cadfeed.token.a.b.c"]);
  expect(await offered(undefined, 1)).toEqual([undefined]);
});

it("each connection has a token of its own", async () => {
  let calls = 0;
  const seen = await offered(() => Promise.resolve(`t${++calls}`), 3, 2);
  expect(seen).toEqual(["cadfeed, cadfeed.token.t1", "cadfeed, cadfeed.token.t2", "cadfeed, cadfeed.token.t3"]);
});

it("a client tries again when no token comes", async () => {
  let calls = 0;
  const token = (): Promise<string> => {
    calls++;
    if (calls === 1) return Promise.reject(new Error("no network"));
    return Promise.resolve(calls === 2 ? "" : "late");
  };
  expect(await offered(token, 1)).toEqual(["cadfeed, cadfeed.token.late"]);
  expect(calls).toBe(3);
});

it("a token that comes after the end opens nothing", async () => {
  let give = (_token: string): void => undefined;
  const made = vi.fn();
  vi.stubGlobal("WebSocket", made);
  const feed = new Feed("ws://127.0.0.1:9/", { token: () => new Promise((resolve) => (give = resolve)) });
  feed.close();
  give("late");
  await Promise.resolve();
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(made).not.toHaveBeenCalled();
  expect(feed.state.link).toBe("closed");
});

it.each([
  ["#token=a.b.c", "a.b.c", 1],
  ["#other=1&token=a.b.c", "a.b.c", 1],
  ["", undefined, 0],
  ["#token=a.b.c%20", "a.b.c", 1],
  ["#token=%22a.b.c%22", undefined, 1],
  ["#token=", undefined, 0],
  ["#top", undefined, 0],
])("of the address %j the page takes %j", (hash, token, replaced) => {
  const replaceState = vi.fn();
  vi.stubGlobal("location", { hash, pathname: "/", search: "?symbol=BTC_CAD" });
  vi.stubGlobal("history", { replaceState });
  expect(takeToken()).toBe(token);
  expect(replaceState.mock.calls).toEqual(replaced ? [[null, "", "/?symbol=BTC_CAD"]] : []);
});
