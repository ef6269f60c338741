/** Requests: what is asked is answered once, whatever becomes of frames and connections on the way. */

import type { History, Request, Snapshot } from "cadfeed-client";
import { Feed, isBackfilled, RequestError } from "cadfeed-client";
import * as reader from "cadfeed-client/answers.ts";
import type { Outcome } from "cadfeed-client/session.ts";
import { Session } from "cadfeed-client/session.ts";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { imagesOf, snapshotOf } from "./market.ts";
import { replying, withFeed } from "./server.ts";

const [FIRST, SECOND] = imagesOf([{ BTC_CAD: true }]) as [Image, Image];
type Image = ReturnType<typeof imagesOf>[number];
const ASKED: Request = { event: "history", symbol: "BTC_CAD", interval: "1m" };
const MINUTE = 60_000;
const KEY = 7;

/** A session whose connection is open and has told the whole state at time 0. */
function live(): Session {
  const session = Object.assign(new Session(undefined, () => 1), { reader });
  session.start(0);
  session.opened(1, 0);
  for (const text of snapshotOf(FIRST)) session.received(1, text, 0);
  return session;
}

/** The requests that an outcome sends: on which connection, and under which `id`. */
function sent({ commands }: Outcome): { on: number; id: number }[] {
  return commands.flatMap((command) =>
    command.do === "send" && command.message.event === "history"
      ? [{ on: command.connection, id: command.message.id }]
      : [],
  );
}

function idOf(outcome: Outcome): number {
  const [message] = sent(outcome);
  if (!message) throw new Error("nothing was sent");
  return message.id;
}

/** Candles of minutes, each with a price that no float has. */
function rows(from: number, to: number): string[] {
  return Array.from({ length: to - from }, (_, index) => row(from + index));
}

function row(minute: number): string {
  return `[${minute * MINUTE},0.0000168648231000${minute},2.0,1.0,1.50]`;
}

function history(id: number, candles: readonly string[], part = 1, parts = 1, last = ""): string {
  const inProgress = last && `,"in_progress":${last}`;
  return `{"event":"history","symbol":"BTC_CAD","interval":"1m","candles":[${candles.join(",")}],"part":${part},"parts":${parts}${inProgress},"id":${id}}`;
}

function refusal(id: number | undefined, fields: object = {}): string {
  return JSON.stringify({ event: "error", code: "bad_request", message: "no", retryable: false, id, ...fields });
}

function errorOf({ settled }: Outcome): RequestError | undefined {
  const [ended] = settled;
  return ended && "error" in ended ? ended.error : undefined;
}

describe("an answer", () => {
  it("has every digit of its candles, and the one in progress", () => {
    const session = live();
    const id = idOf(session.request(KEY, ASKED, 0));
    const { settled } = session.received(1, history(id, rows(1, 3), 1, 1, row(3)), 10);
    const prices = { high: "2.0", low: "1.0", close: "1.50" };
    expect(settled).toEqual([
      {
        key: KEY,
        answer: {
          candles: [
            { openMs: MINUTE, open: "0.00001686482310001", ...prices },
            { openMs: 2 * MINUTE, open: "0.00001686482310002", ...prices },
          ],
          inProgress: { openMs: 3 * MINUTE, open: "0.00001686482310003", ...prices },
        },
      },
    ]);
    expect(session.received(1, history(id, rows(1, 3)), 11).settled).toEqual([]);
  });

  it("has the ticks of each candle, in the order of its part", () => {
    const session = live();
    const id = idOf(session.request(KEY, ASKED, 0));
    const withTicks = (part: number, ticks: string) =>
      history(id, rows(part, part + 2), part, 2, part === 2 ? row(4) : "").replace('"part"', `"ticks":${ticks},"part"`);
    session.received(1, withTicks(2, "[17280,null]").replace("}", ',"in_progress_ticks":3}'), 10);
    const [ended] = session.received(1, withTicks(1, "[0,1]"), 10).settled;
    const { candles, inProgress } = (ended && "answer" in ended ? ended.answer : {}) as History;
    expect(candles.map(({ ticks }) => ticks)).toEqual([0, 1, 17_280, undefined]);
    expect(candles.map(isBackfilled)).toEqual([true, false, false, false]);
    expect(inProgress?.ticks).toBe(3);
  });

  it.each(["[1]", "[1,2,3]", "1", "null", '[1,"two"]', "[1,1.5]", "[1,-1]"])(
    "with ticks that do not fit its candles is refused: %s",
    (ticks) => {
      const session = live();
      const id = idOf(session.request(KEY, ASKED, 0));
      const text = history(id, rows(1, 3)).replace('"part"', `"ticks":${ticks},"part"`);
      expect(session.received(1, text, 0).settled).toEqual([]);
    },
  );

  it("to `trends` has the closes of all symbols from all parts, as they were written", () => {
    const session = live();
    const { commands } = session.request(KEY, { event: "trends" }, 0);
    const [id] = commands.flatMap((command) => (command.do === "send" ? [command.message.id] : []));
    const part = (number: number, row: string) =>
      `{"event":"trends","interval":"1h","until":7200000,"trends":[${row}],"part":${number},"parts":2,"id":${id}}`;
    expect(session.received(1, part(2, '["SHIB_CAD",0.000016860,null]'), 1).settled).toEqual([]);
    for (const row of ["1", "[]", "[1,2]", '["BTC_CAD","x"]', '["BTC_CAD",true]'])
      expect(session.received(1, part(1, row), 1).settled).toEqual([]);
    expect(session.received(1, part(1, '["BTC_CAD",130110,130120]'), 1).settled).toEqual([
      {
        key: KEY,
        answer: {
          interval: "1h",
          untilMs: 7_200_000,
          closes: { BTC_CAD: ["130110", "130120"], SHIB_CAD: ["0.000016860", null] },
        },
      },
    ]);
  });

  it("is complete with all its parts, in any order and with duplicates", () => {
    const parts = 4;
    const order = fc.shuffledSubarray([1, 2, 3, 4], { minLength: parts, maxLength: parts });
    fc.assert(
      fc.property(order, fc.array(fc.nat(parts - 1), { maxLength: 4 }), (all, again) => {
        const session = live();
        const id = idOf(session.request(KEY, ASKED, 0));
        const frame = (part: number): string =>
          history(id, rows(part * 10, part * 10 + 10), part, parts, part === parts ? row(50) : "");
        const early = [...again.map((index) => all[Math.min(index, parts - 2)] ?? 1), ...all.slice(0, -1)];
        for (const part of early) expect(session.received(1, frame(part), 0).settled).toEqual([]);
        const [ended] = session.received(1, frame(all.at(-1) ?? 0), 0).settled;
        const answer = ended && "answer" in ended ? (ended.answer as History) : undefined;
        expect(answer?.candles.map(({ openMs }) => openMs / MINUTE)).toEqual(
          Array.from({ length: 40 }, (_, i) => i + 10),
        );
        expect(answer?.inProgress?.openMs).toBe(50 * MINUTE);
      }),
    );
  });

  it("goes to its own request when several are open", () => {
    const session = live();
    const first = idOf(session.request(1, ASKED, 0));
    const second = idOf(session.request(2, ASKED, 0));
    expect(first).not.toBe(second);
    expect(session.received(1, history(second, rows(2, 3)), 0).settled).toMatchObject([{ key: 2 }]);
    expect(session.received(1, history(first, rows(1, 2)), 0).settled).toMatchObject([{ key: 1 }]);
  });

  it("with an invalid candle is refused: nobody would see a hole in the chart", () => {
    const session = live();
    const id = idOf(session.request(KEY, ASKED, 0));
    expect(session.received(1, history(id, [...rows(1, 2), '[120000,1.0,"?",1.0,1.0]']), 0).settled).toEqual([]);
    expect(session.received(1, history(id, rows(1, 2)), 0).settled).toHaveLength(1);
  });

  it("may be a snapshot, which changes the book too", () => {
    const session = live();
    const { commands } = session.request(KEY, { event: "snapshot", channel: "rates_batch" }, 0);
    const [id] = commands.flatMap((command) => (command.do === "send" ? [command.message.id] : []));
    const [first = "", second = ""] = snapshotOf(SECOND, 2).map((text) => JSON.stringify({ ...JSON.parse(text), id }));
    expect(session.received(1, first, 10).settled).toEqual([]);
    const [ended] = session.received(1, second, 10).settled;
    const { quotes, unavailable, seq } = session.book;
    expect(ended).toMatchObject({ key: KEY, answer: { seq, unavailable: [...unavailable] } });
    const answer = ended && "answer" in ended ? (ended.answer as Snapshot) : undefined;
    expect(answer?.quotes.map(({ symbol }) => symbol).sort()).toEqual([...quotes.keys()].sort());
    expect(quotes.get("BTC_CAD")?.seq).toBe(2);
  });

  it("asks for a snapshot on the channel that the feed offers", () => {
    const session = Object.assign(new Session(undefined, () => 0), { reader });
    session.start(0);
    session.opened(1, 0);
    const channels = ({ commands }: Outcome): unknown[] =>
      commands.flatMap((command) => (command.do === "send" && "channel" in command.message ? [command.message] : []));
    const before = session.request(KEY, { event: "snapshot", channel: "rates_batch" }, 0);
    expect(channels(before)).toMatchObject([{ event: "snapshot", channel: "rates_compact" }]);
    const unknown = { event: "error", code: "unknown_channel", message: "no", retryable: false };
    const fallen = session.received(1, JSON.stringify({ ...unknown, id: 1 }), 10);
    expect(channels(fallen)).toEqual([{ event: "subscribe", channel: "rates_batch", id: 1 }]);
    const refused = session.received(1, JSON.stringify({ ...unknown, id: 100 }), 20);
    expect(refused.settled).toEqual([]);
    const again = session.elapsed(session.wakeAt);
    expect(channels(again)).toMatchObject([{ event: "snapshot", channel: "rates_batch", id: 101 }]);
    const gone = session.received(1, JSON.stringify({ ...unknown, id: 101 }), 5000);
    expect(gone.settled).toMatchObject([{ key: KEY, error: { code: "unknown_channel" } }]);
  });

  it("that does not come is requested again under another id, then given up", () => {
    const session = live();
    const first = idOf(session.request(KEY, ASKED, 0));
    expect(session.wakeAt).toBe(8000);
    expect(sent(session.elapsed(7999))).toEqual([]);
    const second = idOf(session.elapsed(8000));
    // Of two answers no half of one may be put to half of the other.
    session.received(1, history(second, rows(2, 3), 2, 2), 8000);
    expect(session.received(1, history(first, rows(1, 2), 1, 2), 8000).settled).toEqual([]);
    expect(errorOf(session.elapsed(19_999))).toBeUndefined();
    expect(errorOf(session.elapsed(20_000))).toMatchObject({
      name: "RequestError",
      code: "no_answer",
      retryable: true,
    });
    expect(sent(session.elapsed(40_000))).toEqual([]);
  });
});

describe("a refusal", () => {
  it("that is final ends the request with the server's code, not the feed", () => {
    const session = live();
    const id = idOf(session.request(KEY, ASKED, 0));
    const outcome = session.received(1, refusal(id, { code: "unknown_symbol", message: "no such symbol" }), 0);
    expect(errorOf(outcome)).toMatchObject({ code: "unknown_symbol", message: "no such symbol", retryable: false });
    expect(session.state).toEqual({ link: "live", reason: "" });
  });

  it("by rate limit makes the request wait as long as the server says", () => {
    const session = live();
    const id = idOf(session.request(KEY, ASKED, 0));
    session.received(1, refusal(id, { code: "rate_limited", retryable: true, retry_in_ms: 1234 }), 10);
    expect(session.state.reason).toBe("");
    expect(session.wakeAt).toBe(1244);
    expect(sent(session.elapsed(1243))).toEqual([]);
    const again = idOf(session.elapsed(1244));
    expect(session.received(1, history(again, rows(1, 2)), 1300).settled).toMatchObject([{ key: KEY }]);
  });

  it("that lasts beyond the time limit ends the request at once", () => {
    const session = live();
    const id = idOf(session.request(KEY, ASKED, 0));
    const outcome = session.received(1, refusal(id, { code: "rate_limited", retryable: true, retry_in_ms: 20_000 }), 0);
    expect(errorOf(outcome)).toMatchObject({ code: "rate_limited", retryable: true });
  });

  it("without a time is followed by a retry after a while", () => {
    const session = live();
    const id = idOf(session.request(KEY, ASKED, 0));
    session.received(1, refusal(id, { code: "unavailable", retryable: true }), 0);
    expect(session.wakeAt).toBe(4000);
    expect(sent(session.elapsed(4000))).toHaveLength(1);
  });

  it("by API Gateway names no request and applies to any open one", () => {
    const session = live();
    session.request(KEY, ASKED, 0);
    session.received(1, JSON.stringify({ message: "Internal server error", connectionId: "x=", requestId: "y=" }), 100);
    expect(session.wakeAt).toBe(4100);
    expect(sent(session.elapsed(4100))).toHaveLength(1);
  });

  it("of an abandoned attempt does not affect the feed", () => {
    const session = live();
    const first = idOf(session.request(KEY, ASKED, 0));
    session.elapsed(8000);
    expect(errorOf(session.received(1, refusal(first), 8001))).toBeUndefined();
    expect(session.state).toEqual({ link: "live", reason: "" });
  });
});

describe("a connection", () => {
  it("that ends takes the request to the next one", () => {
    const session = live();
    const first = idOf(session.request(KEY, ASKED, 0));
    session.received(1, history(first, rows(1, 2), 1, 2), 50);
    expect(session.lost(1, "gone", 100).settled).toEqual([]);
    session.elapsed(600);
    session.opened(2, 700);
    const [again] = sent(session.elapsed(session.wakeAt));
    expect(again).toMatchObject({ on: 2 });
    expect(again?.id).not.toBe(first);
    session.received(2, history(again?.id ?? 0, rows(2, 3), 2, 2), 800);
    const [ended] = session.received(2, history(again?.id ?? 0, rows(1, 2), 1, 2), 800).settled;
    expect(ended).toMatchObject({ key: KEY, answer: { candles: [{ openMs: MINUTE }, { openMs: 2 * MINUTE }] } });
  });

  it("that is replaced hands its requests over", () => {
    const session = live();
    session.received(1, JSON.stringify({ event: "closing", reason: "max_duration", reconnect_in_ms: 0, ts: 1 }), 0);
    session.elapsed(0);
    session.opened(2, 10);
    session.request(KEY, ASKED, 20);
    for (const text of snapshotOf(FIRST)) session.received(2, text, 30);
    expect(sent(session.elapsed(session.wakeAt))).toMatchObject([{ on: 2 }]);
  });

  it("that is not open yet is waited for", () => {
    const session = Object.assign(new Session(undefined, () => 1), { reader });
    session.start(0);
    expect(sent(session.request(KEY, ASKED, 0))).toEqual([]);
    session.opened(1, 5000);
    expect(sent(session.elapsed(session.wakeAt))).toMatchObject([{ on: 1 }]);
  });

  it("that never opens is given as the reason", () => {
    const session = live();
    session.request(KEY, ASKED, 0);
    session.lost(1, "gone", 0);
    let outcome = session.elapsed(session.wakeAt);
    for (let number = 2; !outcome.settled.length && number < 20; number++) {
      session.lost(number, "gone", Math.min(20_000, session.wakeAt));
      outcome = session.elapsed(Math.min(20_000, session.wakeAt));
    }
    expect(errorOf(outcome)).toMatchObject({ code: "disconnected", retryable: true });
  });

  it("that is closed ends every request, later ones included", () => {
    const session = live();
    session.request(KEY, ASKED, 0);
    expect(errorOf(session.close())).toMatchObject({ code: "closed", retryable: false });
    expect(errorOf(session.request(KEY, ASKED, 0))).toMatchObject({ code: "closed" });
    expect(session.wakeAt).toBe(Number.POSITIVE_INFINITY);
  });

  it("by a refused subscription ends every request, later ones too, with the refusal", () => {
    const session = Object.assign(new Session(["NO_CAD"], () => 1), { reader });
    session.start(0);
    session.request(KEY, ASKED, 0);
    session.opened(1, 0);
    const refused = { code: "unknown_symbol", message: "no such symbol: NO_CAD", retryable: false };
    const expected = { name: "RequestError", ...refused };
    expect(errorOf(session.received(1, refusal(1, refused), 0))).toMatchObject(expected);
    session.close();
    expect(errorOf(session.request(KEY, ASKED, 0))).toMatchObject(expected);
  });
});

it("a cancelled request is not sent again and its answer is ignored", () => {
  const session = live();
  const id = idOf(session.request(KEY, ASKED, 0));
  session.cancel(KEY);
  expect(session.received(1, history(id, rows(1, 2)), 0).settled).toEqual([]);
  expect(sent(session.elapsed(8000))).toEqual([]);
});

it("over real sockets a request survives its connection", async () => {
  const asked: object[] = [];
  await withFeed(
    (socket, number) =>
      replying(socket, (message) => {
        if (message.event === "subscribe") return snapshotOf(FIRST);
        asked.push(message);
        if (message.event === "ping") return [JSON.stringify({ event: "pong", ts: 5, id: message.id })];
        if (message.event === "assets") {
          const asset = { symbol: "BTC_CAD", base: "BTC", quote: "CAD", name: "Bitcoin", decimals: 2, status: "live" };
          return [JSON.stringify({ event: "assets", assets: [asset], id: message.id })];
        }
        if (number === 1) setTimeout(() => socket.terminate(), 10);
        const id = message.id ?? 0;
        return number === 1
          ? [history(id, rows(1, 2), 1, 2)]
          : [history(id, rows(2, 3), 2, 2, row(3)), history(id, rows(1, 2), 1, 2)];
      }),
    async (url) => {
      const feed = new Feed(url);
      const { candles, inProgress } = await feed.request({
        event: "history",
        symbol: "BTC_CAD",
        interval: "1m",
        limit: 2,
      });
      expect([...candles, inProgress].map((candle) => (candle?.openMs ?? 0) / MINUTE)).toEqual([1, 2, 3]);
      expect(asked).toMatchObject([
        { symbol: "BTC_CAD", interval: "1m", limit: 2 },
        { symbol: "BTC_CAD", limit: 2 },
      ]);
      expect(await feed.request({ event: "ping" })).toEqual({ ts: 5 });
      expect(await feed.request({ event: "assets" })).toEqual([
        { symbol: "BTC_CAD", name: "Bitcoin", decimals: 2, status: "live" },
      ]);
      feed.close();
      await expect(feed.request({ event: "ping" })).rejects.toThrow(RequestError);
    },
  );
});

it("an abort ends the wait with the signal's reason", async () => {
  await withFeed(
    () => undefined,
    async (url) => {
      const feed = new Feed(url);
      const abort = new AbortController();
      const answer = feed.request({ event: "ping" }, abort.signal);
      abort.abort(new Error("not wanted any more"));
      await expect(answer).rejects.toThrow("not wanted any more");
      await expect(feed.request({ event: "ping" }, abort.signal)).rejects.toThrow("not wanted any more");
      feed.close();
    },
  );
});

it("an observer hears until it unsubscribes", async () => {
  await withFeed(
    (socket) =>
      replying(socket, ({ event }) =>
        event === "subscribe" ? snapshotOf(FIRST) : [JSON.stringify({ event: "pong", ts: 1 })],
      ),
    async (url) => {
      const feed = new Feed(url);
      const heard: string[] = [];
      const stop = feed.observe({
        onHeard: ({ changed }) => heard.push(`${changed.length} changed`),
        onState: ({ link }) => heard.push(link),
      });
      await expect.poll(() => feed.book.seq).toBe(1);
      stop();
      feed.close();
      expect(heard).toEqual(["4 changed", "live"]);
    },
  );
});
