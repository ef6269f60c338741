/** What the page says of the feed, and when its prices look stale. */

import { describe, expect, it } from "vitest";
import { offsetOf } from "../src/clock.ts";
import { dailyRateOf, healthOf, pulseText, quietAfter, sourcesText } from "../src/health.ts";
import type { Facts } from "../src/health.ts";

const NOW = 1_000_000;
const LIVE: Facts = {
  state: { link: "live", reason: "" },
  isOnline: true,
  now: NOW,
  heardAt: NOW - 1000,
  lostAt: undefined,
  retryAt: 0,
  quietAfterMs: 4000,
  sources: { kraken: "ok", binance: "ok" },
  areAllStale: false,
  dailyRate: undefined,
  roundTripMs: 42.4,
};
const LOST: Facts = { ...LIVE, state: { link: "reconnecting", reason: "It broke.", inMs: 3000 }, lostAt: NOW, retryAt: NOW + 2400 };

describe("the state", () => {
  it("is live as long as the feed speaks as it is wont to", () => {
    expect(healthOf(LIVE)).toEqual({ kind: "live", label: "Live", detail: "", isStale: false });
    expect(healthOf({ ...LIVE, heardAt: NOW - 3999 }).kind).toBe("live");
  });

  it("names the sources that do not answer", () => {
    const health = healthOf({ ...LIVE, sources: { kraken: "ok", er_api: "down" } });
    expect(health.detail).toBe("Without an answer: er api. Other sources serve where they can.");
    expect(health.isStale).toBe(false);
    expect(sourcesText({ kraken: "ok", er_api: "down" })).toBe("1 of 2 sources");
    expect(sourcesText({})).toBe("");
  });

  it("names the sources that contradict the others, and those that do not answer beside them", () => {
    const suspect = { binance: "suspect", kraken: "ok", coinbase: "ok" };
    expect(healthOf({ ...LIVE, sources: suspect })).toMatchObject({ kind: "live", isStale: false });
    expect(healthOf({ ...LIVE, sources: suspect }).detail).toBe(
      "Binance disagrees with the others and is left out. Other sources serve where they can.",
    );
    expect(healthOf({ ...LIVE, sources: { ...suspect, kraken: "suspect", er_api: "down" } }).detail).toBe(
      "Binance and kraken disagree with the others and are left out. Without an answer: er api. Other sources serve where they can.",
    );
    expect(sourcesText(suspect)).toBe("2 of 3 sources");
  });

  it("is not live when the feed itself is late, however well its sources were and however lately it spoke", () => {
    const sources = { feed: "late", kraken: "ok", binance: "ok" };
    const health = healthOf({ ...LIVE, sources, heardAt: NOW });
    expect(health).toMatchObject({ kind: "quiet", label: "Late", isStale: true });
    expect(health.detail).toContain("The feed has read no prices for a while");
    expect(sourcesText(sources)).toBe("2 of 2 sources");
    // What keeps news from coming at all is said first.
    expect(healthOf({ ...LOST, sources }).kind).toBe("reconnecting");
  });

  it("is not live before the snapshot has come, which may say that the feed is late", () => {
    expect(healthOf({ ...LIVE, heardAt: undefined })).toMatchObject({ kind: "connecting", detail: "" });
    expect(healthOf({ ...LIVE, lostAt: NOW - 1000 })).toMatchObject({ kind: "connecting", isStale: false });
  });

  it("is not live when no source confirms a price any more, however often the feed speaks", () => {
    const health = healthOf({ ...LIVE, areAllStale: true, sources: { kraken: "down", er_api: "ok" } });
    expect(health).toMatchObject({ kind: "quiet", label: "No updates", isStale: true });
    expect(health.detail).toBe("No source confirms a price any more: all are stale. Without an answer: kraken.");
    expect(healthOf({ ...LIVE, areAllStale: true, isOnline: false, heardAt: NOW - 4000 }).kind).toBe("offline");
  });

  it("says when prices rest on a daily exchange rate", () => {
    expect(dailyRateOf(["kraken:BTCCAD", "binance:SHIBUSDT x kraken:USDTCAD"])).toBeUndefined();
    expect(dailyRateOf(["kraken:BTCCAD", "binance:SHIBUSDT x kraken:USDTUSD x er_api:USDCAD"])).toBe("er api");
    const dailyRate = dailyRateOf(["coinbase:XYZUSD x bank_of_canada:FXUSDCAD"]);
    expect(healthOf({ ...LIVE, dailyRate })).toMatchObject({
      kind: "live",
      detail: "There is no live rate of the US dollar, as when its market is closed: some prices use the daily one (bank of canada).",
    });
  });

  it("is stale when the feed is silent for longer than it was of late", () => {
    expect(healthOf({ ...LIVE, heardAt: NOW - 4000 })).toMatchObject({ kind: "quiet", label: "No updates", isStale: true });
  });

  it("counts down to the next attempt, and says what to do", () => {
    const health = healthOf(LOST);
    expect(health).toMatchObject({ kind: "reconnecting", label: "Reconnecting in 3 s", isStale: false });
    expect(health.detail).toBe("Prices are 1s old. It broke. If trying again does not help, check your network.");
    expect(healthOf({ ...LOST, now: NOW + 9000 }).label).toBe("Reconnecting in 0 s");
  });

  it("has stale prices 2 s after the loss, also while it connects again, until a snapshot has come", () => {
    const later = { ...LOST, now: NOW + 2000 };
    expect(healthOf(later).isStale).toBe(true);
    expect(healthOf({ ...later, state: { link: "connecting", reason: "It broke." } }).isStale).toBe(true);
    expect(healthOf({ ...later, state: { link: "live", reason: "" }, heardAt: NOW + 2000 }).isStale).toBe(true);
  });

  it("has prices that stay stale when a connection is given up that was silent, or of a feed that was late", () => {
    expect(healthOf({ ...LOST, heardAt: NOW - 45_000 }).isStale).toBe(true);
    expect(healthOf({ ...LOST, sources: { feed: "late" } }).isStale).toBe(true);
  });

  it("is offline when the device is, and says so in place of a countdown", () => {
    expect(healthOf({ ...LOST, isOnline: false })).toMatchObject({ kind: "offline", label: "Offline", isStale: true });
    // What still speaks is there, whatever the device believes.
    expect(healthOf({ ...LIVE, isOnline: false }).kind).toBe("live");
  });

  it("tells to reload when nothing else helps", () => {
    const health = healthOf({ ...LIVE, state: { link: "closed", reason: "The server says: no." } });
    expect(health.detail).toContain("The server says: no. Reload the page to try again.");
  });
});

it("says when it last heard, and how far away the feed is", () => {
  expect(pulseText(LIVE)).toBe("heard 1s ago · 42 ms");
  expect(pulseText({ ...LIVE, roundTripMs: undefined })).toBe("heard 1s ago");
  expect(pulseText({ ...LIVE, heardAt: undefined })).toBe("");
});

it.each([
  [[], 35_000],
  [[1000, 1010, 990], 4000],
  [[5000, 5100, 200], 10_200],
  [[30_000], 35_000],
])("after gaps of %j ms a silence of %d ms is none of the usual", (gaps, ms) => expect(quietAfter(gaps)).toBe(ms));

it("the clock is corrected only where the way to the feed does not explain the difference", () => {
  expect(offsetOf(10_500, 10_000, 80)).toBe(0);
  expect(offsetOf(70_000, 10_040, 80)).toBe(60_000);
  expect(offsetOf(5_000, 10_040, 80)).toBe(-5_000);
});
