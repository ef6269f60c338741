/** What the page says about the feed, and when its prices look stale. */

import type { FeedStatus } from "cadfeed-client";
import { describe, expect, it } from "vitest";
import { offsetOf } from "../src/clock.ts";
import type { Facts } from "../src/health.ts";
import { dailyRateOf, healthOf, pulseText, quietAfter, sourcesText } from "../src/health.ts";

const NOW = 1_000_000;
const LIVE: Facts = {
  state: { link: "live", reason: "" },
  isOnline: true,
  now: NOW,
  lastFrameAt: NOW - 1000,
  lostAt: undefined,
  retryAt: 0,
  quietAfterMs: 4000,
  status: saying({ kraken: "ok", binance: "ok" }),
  areAllStale: false,
  dailyRate: undefined,
  roundTripMs: 42.4,
};
const LOST: Facts = {
  ...LIVE,
  state: { link: "reconnecting", reason: "It broke.", inMs: 3000 },
  lostAt: NOW,
  retryAt: NOW + 2400,
};

describe("the state", () => {
  it("is live while frames come at the usual pace", () => {
    expect(healthOf(LIVE)).toEqual({ kind: "live", label: "Live", detail: "", isStale: false });
    expect(healthOf({ ...LIVE, lastFrameAt: NOW - 3999 }).kind).toBe("live");
  });

  it("names the sources that do not answer", () => {
    const health = healthOf({ ...LIVE, status: saying({ kraken: "ok", er_api: "down" }) });
    expect(health.detail).toBe("No answer from er api. Other sources replace them where possible.");
    expect(health.isStale).toBe(false);
    expect(sourcesText(saying({ kraken: "ok", er_api: "down" }))).toBe("1 of 2 sources");
    expect(sourcesText(saying({}))).toBe("");
  });

  it("names the sources that contradict the others, and those that do not answer", () => {
    const suspect = { binance: "suspect", kraken: "ok", coinbase: "ok" };
    expect(healthOf({ ...LIVE, status: saying(suspect) })).toMatchObject({ kind: "live", isStale: false });
    expect(healthOf({ ...LIVE, status: saying(suspect) }).detail).toBe(
      "Binance disagrees with the others and is left out. Other sources replace them where possible.",
    );
    expect(healthOf({ ...LIVE, status: saying({ ...suspect, kraken: "suspect", er_api: "down" }) }).detail).toBe(
      "Binance and kraken disagree with the others and are left out. No answer from er api. Other sources replace them where possible.",
    );
    expect(sourcesText(saying(suspect))).toBe("2 of 3 sources");
  });

  it("is not live when the feed is late, even if its sources are ok", () => {
    const status = saying({ kraken: "ok", binance: "ok" }, true);
    const health = healthOf({ ...LIVE, status, lastFrameAt: NOW });
    expect(health).toMatchObject({ kind: "quiet", label: "Late", isStale: true });
    expect(health.detail).toContain("The feed has had no new prices for a while");
    expect(sourcesText(status)).toBe("2 of 2 sources");
    // A lost connection comes first.
    expect(healthOf({ ...LOST, status }).kind).toBe("reconnecting");
  });

  it("is not live before the snapshot, which may say that the feed is late", () => {
    expect(healthOf({ ...LIVE, lastFrameAt: undefined })).toMatchObject({ kind: "connecting", detail: "" });
    expect(healthOf({ ...LIVE, lostAt: NOW - 1000 })).toMatchObject({ kind: "connecting", isStale: false });
  });

  it("is not live when all prices are stale, even if frames come", () => {
    const health = healthOf({ ...LIVE, areAllStale: true, status: saying({ kraken: "down", er_api: "ok" }) });
    expect(health).toMatchObject({ kind: "quiet", label: "No updates", isStale: true });
    expect(health.detail).toBe("No source confirms any price now: all are stale. No answer from kraken.");
    expect(healthOf({ ...LIVE, areAllStale: true, isOnline: false, lastFrameAt: NOW - 4000 }).kind).toBe("offline");
  });

  it("says when prices use a daily exchange rate", () => {
    expect(dailyRateOf(["kraken:BTCCAD", "binance:SHIBUSDT x kraken:USDTCAD"])).toBeUndefined();
    expect(dailyRateOf(["kraken:BTCCAD", "binance:SHIBUSDT x kraken:USDTUSD x er_api:USDCAD"])).toBe("er api");
    const dailyRate = dailyRateOf(["coinbase:XYZUSD x bank_of_canada:FXUSDCAD"]);
    expect(healthOf({ ...LIVE, dailyRate })).toMatchObject({
      kind: "live",
      detail:
        "There is no live US dollar rate; its market may be closed. Some prices use the daily rate (bank of canada).",
    });
  });

  it("is stale when the feed is silent for longer than usual", () => {
    expect(healthOf({ ...LIVE, lastFrameAt: NOW - 4000 })).toMatchObject({
      kind: "quiet",
      label: "No updates",
      isStale: true,
    });
  });

  it("counts down to the next attempt, and says what to do", () => {
    const health = healthOf(LOST);
    expect(health).toMatchObject({ kind: "reconnecting", label: "Reconnecting in 3 s", isStale: false });
    expect(health.detail).toBe("Prices are 1s old. It broke. If reconnecting does not help, check your network.");
    expect(healthOf({ ...LOST, now: NOW + 9000 }).label).toBe("Reconnecting in 0 s");
    // A refused handshake looks like a broken one.
    expect(healthOf({ ...LOST, lastFrameAt: undefined }).detail).toContain("add #token= and the token");
  });

  it("has stale prices from 2 s after a loss until the next snapshot", () => {
    const later = { ...LOST, now: NOW + 2000 };
    expect(healthOf(later).isStale).toBe(true);
    expect(healthOf({ ...later, state: { link: "connecting", reason: "It broke." } }).isStale).toBe(true);
    expect(healthOf({ ...later, state: { link: "live", reason: "" }, lastFrameAt: NOW + 2000 }).isStale).toBe(true);
  });

  it("keeps prices stale after it closes a silent connection, or one to a late feed", () => {
    expect(healthOf({ ...LOST, lastFrameAt: NOW - 45_000 }).isStale).toBe(true);
    expect(healthOf({ ...LOST, status: saying({}, true) }).isStale).toBe(true);
  });

  it("is offline when the device is, and says so in place of a countdown", () => {
    expect(healthOf({ ...LOST, isOnline: false })).toMatchObject({ kind: "offline", label: "Offline", isStale: true });
    // A feed that still sends frames is there, whatever the device reports.
    expect(healthOf({ ...LIVE, isOnline: false }).kind).toBe("live");
  });

  it("says to reload the page when nothing else helps", () => {
    const health = healthOf({ ...LIVE, state: { link: "closed", reason: "The server says: no." } });
    expect(health.detail).toContain("The server says: no. Reload the page to try again.");
  });
});

it("shows the time since the last message, and the round trip", () => {
  expect(pulseText(LIVE)).toBe("message 1s ago · 42 ms");
  expect(pulseText({ ...LIVE, roundTripMs: undefined })).toBe("message 1s ago");
  expect(pulseText({ ...LIVE, lastFrameAt: undefined })).toBe("");
});

it.each([
  [[], 35_000],
  [[1000, 1010, 990], 4000],
  [[5000, 5100, 200], 10_200],
  [[30_000], 35_000],
])("after gaps of %j ms, a silence of %d ms is quiet", (gaps, ms) => expect(quietAfter(gaps)).toBe(ms));

it("the clock is corrected only if the round trip does not explain the difference", () => {
  expect(offsetOf(10_500, 10_000, 80)).toBe(0);
  expect(offsetOf(70_000, 10_040, 80)).toBe(60_000);
  expect(offsetOf(5_000, 10_040, 80)).toBe(-5_000);
});

/** The status that the feed sends: its sources, and itself. */
function saying(sources: FeedStatus["sources"], late = false): FeedStatus {
  return { sources, late };
}
