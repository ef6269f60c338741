/** What the shared vectors do not tell about a session: its patience, its moods, and what it gives up on. */

import type { Command, Outcome } from "cadfeed-client/session.ts";

import { Session } from "cadfeed-client/session.ts";
import { describe, expect, it } from "vitest";
import { imagesOf, snapshotOf, updateOf } from "./market.ts";

const [FIRST, SECOND] = imagesOf([{ BTC_CAD: true, ETH_CAD: true }]) as [Image, Image];
type Image = ReturnType<typeof imagesOf>[number];
const ACK = JSON.stringify({
  event: "subscribed",
  status: "subscribed",
  channel: "rates_batch",
  symbols: ["BTC_CAD"],
  id: 1,
});
const CLOSING = JSON.stringify({ event: "closing", reason: "max_duration", reconnect_in_ms: 1000, ts: 1 });

function started(random = () => 1): Session {
  const session = new Session(undefined, random);
  session.start(0);
  return session;
}

/** A session whose connection is open and has told the whole state at time 0. */
function live(random?: () => number): Session {
  const session = started(random);
  session.opened(1, 0);
  session.received(1, ACK, 0);
  for (const text of snapshotOf(FIRST)) session.received(1, text, 0);
  return session;
}

function words({ commands }: Outcome): string[] {
  return commands.map((command: Command) =>
    command.do === "send"
      ? `${command.message.event} on ${command.connection}`
      : `${command.do} ${"connection" in command ? command.connection : ""}`,
  );
}

function refusal(fields: object): string {
  return JSON.stringify({ event: "error", code: "bad_request", message: "no", retryable: false, ...fields });
}

describe("back-off", () => {
  it("doubles its range up to half a minute", () => {
    const session = started();
    const waits = Array.from({ length: 9 }, (_, index) => {
      session.lost(index + 1, "gone", 0);
      const { wakeAt } = session;
      session.elapsed(wakeAt);
      return wakeAt;
    });
    expect(waits).toEqual([500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
  });

  it("draws from the whole range so that clients do not return in step", () => {
    const draws = [0, 0.25, 0.5];
    const session = started(() => draws.shift() ?? 1);
    const waits = [1, 2, 3].map((number) => {
      session.lost(number, "gone", 0);
      const { wakeAt } = session;
      session.elapsed(wakeAt);
      return wakeAt;
    });
    expect(waits).toEqual([0, 250, 1000]);
  });

  it("resets only after a connection that lasted", () => {
    const session = live();
    session.lost(1, "gone", 9999);
    expect(session.wakeAt - 9999).toBe(500);
    session.elapsed(session.wakeAt);
    session.opened(2, 11_000);
    session.received(2, ACK, 11_000);
    session.lost(2, "gone", 12_000);
    expect(session.wakeAt - 12_000).toBe(1000);
    session.elapsed(session.wakeAt);
    session.opened(3, 14_000);
    session.received(3, ACK, 14_000);
    session.lost(3, "gone", 30_000);
    expect(session.wakeAt - 30_000).toBe(500);
  });
});

describe("a network that is back", () => {
  it("starts the next attempt at once", () => {
    const session = live();
    session.lost(1, "gone", 20_000);
    expect(session.wakeAt).toBe(20_500);
    expect(words(session.hasten(20_100))).toEqual(["open 2"]);
    expect(session.state.link).toBe("connecting");
  });

  it("opens no second connection and none for a closed session", () => {
    const session = live();
    expect(words(session.hasten(1000))).toEqual([]);
    session.close();
    expect(words(session.hasten(2000))).toEqual([]);
    expect(session.wakeAt).toBe(Number.POSITIVE_INFINITY);
  });
});

describe("silence", () => {
  it("is answered by one ping and ended by any frame", () => {
    const session = live();
    expect(session.wakeAt).toBe(37_000);
    expect(words(session.elapsed(36_999))).toEqual([]);
    expect(words(session.elapsed(37_000))).toEqual(["ping on 1"]);
    expect(words(session.elapsed(40_000))).toEqual([]);
    session.received(1, '{"event":"pong","ts":1}', 41_000);
    expect(session.wakeAt).toBe(78_000);
    expect(words(session.elapsed(50_000))).toEqual([]);
    expect(session.state.link).toBe("live");
  });

  it("of 45 s ends a connection, also when the machine slept", () => {
    const session = live(() => 0.5);
    expect(words(session.elapsed(3_600_000))).toEqual(["close 1"]);
    expect(session.state).toEqual({ link: "reconnecting", reason: "Nothing was heard for 45 s.", inMs: 250 });
  });

  it("of 15 s ends a connection that does not open", () => {
    const session = started();
    expect(words(session.elapsed(14_999))).toEqual([]);
    expect(words(session.elapsed(15_000))).toEqual(["close 1"]);
    expect(session.state.link).toBe("reconnecting");
  });
});

describe("a successor", () => {
  it("that fails is tried again while the old connection continues", () => {
    const session = live();
    session.received(1, CLOSING, 5000);
    expect(words(session.elapsed(6000))).toEqual(["open 2"]);
    session.lost(2, "refused", 6100);
    expect(session.state).toEqual({ link: "live", reason: "" });
    expect(session.wakeAt).toBe(6600);
    expect(words(session.elapsed(6600))).toEqual(["open 3"]);
    session.opened(3, 6700);
    session.received(3, ACK, 6800);
    const frames = snapshotOf(FIRST, 2);
    expect(frames.map((text) => words(session.received(3, text, 6900)))).toEqual([[], ["close 1"]]);
    expect(words(session.lost(1, "late", 7000))).toEqual([]);
    expect(session.state.link).toBe("live");
  });

  it("opens once for any number of notices and in time", () => {
    const session = live();
    session.received(1, CLOSING.replace("1000", "99999999"), 0);
    session.received(1, CLOSING, 10);
    const seen = Array.from({ length: 15 }, (_, index) => {
      session.received(1, '{"event":"pong"}', index * 36_000);
      return words(session.elapsed(index * 36_000));
    }).flat();
    expect(seen).toEqual(["open 2"]);
  });
});

describe("a refusal by the server", () => {
  it("that is final ends the session with the reason", () => {
    const session = started();
    session.opened(1, 0);
    const text = refusal({ code: "unknown_symbol", message: "no such symbol: X_CAD", id: 1 });
    expect(words(session.received(1, text, 10))).toEqual(["close 1"]);
    expect(session.state).toEqual({ link: "closed", reason: "The server says: no such symbol: X_CAD" });
    expect(session.error).toMatchObject({ name: "Refused", code: "unknown_symbol", message: "no such symbol: X_CAD" });
    expect(session.wakeAt).toBe(Number.POSITIVE_INFINITY);
  });

  it("of another message is reported and ends nothing", () => {
    const session = live();
    session.received(1, refusal({ id: 3 }), 10);
    expect(session.state).toEqual({ link: "live", reason: "The server says: no" });
    for (const text of snapshotOf(FIRST)) session.received(1, text, 20);
    expect(session.state.reason).toBe("");
  });

  it("for a while is followed by a retry at the time it says", () => {
    const session = started();
    session.opened(1, 0);
    session.received(1, refusal({ code: "rate_limited", retryable: true, retry_in_ms: 1500, id: 1 }), 10);
    expect(session.wakeAt).toBe(1510);
    expect(words(session.elapsed(1510))).toEqual(["subscribe on 1"]);
  });

  it("of some symbols names them", () => {
    const session = started();
    session.opened(1, 0);
    const rejected = [{ symbol: "X_CAD", code: "unknown_symbol", message: "no such symbol" }];
    session.received(1, JSON.stringify({ ...JSON.parse(ACK), rejected }), 10);
    expect(session.book.rejected).toEqual(["X_CAD"]);
    expect(session.state.link).toBe("live");
  });
});

it("a second part without its first shows the gap at once", () => {
  const session = live();
  const [, second = ""] = updateOf(FIRST, SECOND, 2);
  expect(words(session.received(1, second, 20_000))).toEqual(["snapshot on 1"]);
});

it("the state of the sources changes only with an update that has it", () => {
  const session = live();
  const [update = ""] = updateOf(FIRST, SECOND);
  session.received(1, JSON.stringify({ ...JSON.parse(update), status: { kraken: "down" } }), 20_000);
  expect(session.book.status).toEqual({ late: false, sources: { kraken: "down" } });
  session.received(1, update, 20_001);
  expect(session.book.status).toEqual({ late: false, sources: { kraken: "down" } });
});

describe("a feed that is late", () => {
  const [first = ""] = snapshotOf(FIRST);
  const late = JSON.stringify({ ...JSON.parse(first), status: { feed: "late", kraken: "ok" } });

  it("is late until the update of another tick", () => {
    const session = live();
    session.received(1, late, 20_000);
    expect(session.book.status).toEqual({ late: true, sources: { kraken: "ok" } });
    for (const text of updateOf(FIRST, SECOND)) {
      const update = JSON.parse(text) as { ts: number };
      session.received(1, JSON.stringify({ ...update, ts: update.ts + 1_000 }), 20_100);
    }
    expect(session.book.status).toEqual({ late: false, sources: { kraken: "ok" } });
  });

  it("stays late after an update of a known tick", () => {
    const session = live();
    for (const text of updateOf(FIRST, SECOND)) session.received(1, text, 100);
    const [second = ""] = snapshotOf(SECOND);
    session.received(1, JSON.stringify({ ...JSON.parse(second), status: { feed: "late" } }), 20_000);
    for (const text of updateOf(FIRST, SECOND)) session.received(1, text, 20_001);
    expect(session.book.status).toEqual({ late: true, sources: {} });
  });

  it("is on time after a heartbeat that does not say late", () => {
    const session = live();
    session.received(1, late, 20_000);
    session.received(1, '{"event":"heartbeat","ts":1,"seq":9,"stale":[],"status":{"kraken":"suspect"}}', 20_100);
    expect(session.book.status).toEqual({ late: false, sources: { kraken: "suspect" } });
  });
});

describe("how many sources agree", () => {
  const quoteWith = (field: string): string | undefined => {
    const session = live();
    const [update = ""] = updateOf(FIRST, SECOND);
    session.received(1, update.replaceAll('"source":', `${field}"source":`), 100);
    const quote = session.book.quotes.get("BTC_CAD");
    return quote && `${quote.sources} of tick ${quote.seq}`;
  };

  it("is part of a quote", () => expect(quoteWith('"sources":4,')).toBe("4 of tick 2"));
  it("is one if the server does not say", () => expect(quoteWith("")).toBe("1 of tick 2"));
  it("is a whole number, or the frame is refused", () => {
    for (const wrong of ["1.5", "-1", '"4"', "null"]) expect(quoteWith(`"sources":${wrong},`)).toBe("1 of tick 1");
  });
});

it("a closed session does nothing more", () => {
  const session = live();
  session.received(1, CLOSING, 0);
  session.elapsed(1000);
  expect(words(session.close())).toEqual(["close 1", "close 2"]);
  expect(words(session.close())).toEqual([]);
  expect(words(session.lost(1, "gone", 2000))).toEqual([]);
  expect(words(session.elapsed(99_999))).toEqual([]);
  expect(session.state).toEqual({ link: "closed", reason: "" });
});

describe("a pace", () => {
  function asked({ commands }: Outcome): unknown[] {
    return commands.map((command: Command) => command.do === "send" && command.message);
  }

  it("is asked for with each subscription, and no longer when it ends", () => {
    const session = new Session(undefined, () => 1, 60);
    session.start(0);
    expect(asked(session.opened(1, 0))).toEqual([{ event: "subscribe", channel: "rates_compact", every: 60, id: 1 }]);
    session.received(1, ACK, 0);
    expect(asked(session.paced(undefined, 1000))).toEqual([{ event: "subscribe", channel: "rates_compact", id: 1 }]);
  });

  it("lets the server be silent for that long, without a ping", () => {
    const session = new Session(undefined, () => 1, 300);
    session.start(0);
    session.opened(1, 0);
    session.received(1, ACK, 0);
    for (const text of snapshotOf(FIRST)) session.received(1, text, 0);
    expect(words(session.elapsed(336_999))).toEqual([]);
    expect(words(session.elapsed(337_000))).toEqual(["ping on 1"]);
    expect(words(session.elapsed(345_000))).toEqual(["close 1"]);
  });

  it("that the feed's tick does not fit is given up", () => {
    const session = new Session(undefined, () => 1, 60);
    session.start(0);
    session.opened(1, 0);
    const outcome = session.received(1, refusal({ code: "bad_every", id: 1 }), 0);
    expect(asked(outcome)).toEqual([{ event: "subscribe", channel: "rates_compact", id: 1 }]);
    expect(session.state.link).toBe("connecting");
  });

  it("of a connection that is not open yet is asked for when it opens", () => {
    const session = new Session(undefined, () => 1);
    session.start(0);
    expect(words(session.paced(60, 0))).toEqual([]);
    expect(asked(session.opened(1, 0))).toEqual([{ event: "subscribe", channel: "rates_compact", every: 60, id: 1 }]);
  });
});
