/** The feed over real sockets on a machine whose clock is set while it runs. */

import { Feed } from "cadfeed-client";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { imagesOf, snapshotOf, updateOf } from "./market.ts";
import { replying, withFeed } from "./server.ts";

const [FIRST, SECOND] = imagesOf([{ BTC_CAD: true }]) as [Image, Image];
type Image = ReturnType<typeof imagesOf>[number];
const HOUR = 3_600_000;
const PING_AFTER_MS = 37_000;
const DEAD_AFTER_MS = 45_000;

beforeEach(() => {
  // The longest back-off: the next connection does not come while these look.
  vi.spyOn(Math, "random").mockReturnValue(1);
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date", "performance"] });
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** A feed that says its state and one update; what happens to the clock in between is `meanwhile`. Then its line is dead. */
async function afterLastFrame(
  meanwhile: () => void,
  use: (feed: Feed, asked: string[]) => Promise<void>,
): Promise<void> {
  const asked: string[] = [];
  let update = (): void => undefined;
  await withFeed(
    (socket) => {
      update = () => updateOf(FIRST, SECOND).forEach((text) => socket.send(text));
      replying(socket, ({ event }) => {
        asked.push(event);
        return event === "subscribe" ? snapshotOf(FIRST) : [];
      });
    },
    async (url) => {
      const feed = new Feed(url);
      await expect.poll(() => feed.book.seq).toBe(1);
      meanwhile();
      update();
      await expect.poll(() => feed.book.seq).toBe(2);
      await use(feed, asked);
      feed.close();
    },
  );
}

function setBy(...steps: number[]): void {
  for (const step of steps) vi.setSystemTime(Date.now() + step);
}

describe("a dead connection", () => {
  it.each([
    ["left alone", [], []],
    ["set back an hour before the last frame", [-HOUR], []],
    ["set back an hour after it", [], [-HOUR]],
    ["set forward before it, and back after it", [HOUR], [-HOUR]],
    ["set forward after it, and back", [], [HOUR, -HOUR]],
  ])("is noticed in 45 s, with the clock %s", async (_, before, after) => {
    await afterLastFrame(
      () => setBy(...before),
      async (feed, asked) => {
        setBy(...after);
        vi.advanceTimersByTime(PING_AFTER_MS);
        await expect.poll(() => asked).toEqual(["subscribe", "ping"]);
        expect(feed.state.link).toBe("live");
        vi.advanceTimersByTime(DEAD_AFTER_MS - PING_AFTER_MS);
        expect(feed.state).toMatchObject({ link: "reconnecting", reason: "Nothing was heard for 45 s." });
      },
    );
  });

  it("is noticed at once after a sleep that only the device's clock counted", async () => {
    await afterLastFrame(
      () => undefined,
      async (feed) => {
        setBy(HOUR);
        // The timers of a sleeping machine stand still: they go on where they were.
        vi.advanceTimersByTime(PING_AFTER_MS);
        expect(feed.state).toMatchObject({ link: "reconnecting", reason: "Nothing was heard for 45 s." });
      },
    );
  });
});

it("a request ends after 20 s although the clock was set back", async () => {
  await afterLastFrame(
    () => undefined,
    async (feed) => {
      const answer = expect(feed.request({ event: "ping" })).rejects.toMatchObject({ code: "no_answer" });
      setBy(-HOUR);
      vi.advanceTimersByTime(20_000);
      await answer;
    },
  );
});
