/** Why a price is what it is: how the client reads the feed's answer. */

import { Feed } from "cadfeed-client";
import * as reader from "cadfeed-client/answers.ts";
import { Session } from "cadfeed-client/session.ts";
import { describe, expect, it } from "vitest";
import { imagesOf, snapshotOf } from "./market.ts";
import { replying, withFeed } from "./server.ts";

const [FIRST] = imagesOf([]) as [ReturnType<typeof imagesOf>[number]];
const KEY = 3;
const NO_ANSWER = `{"source":"coingecko","market":"bitcoin","currency":"CAD","price":null,"rate":null,"rate_source":"","price_cad":null,"age_ms":null,"vote":false,"verdict":"unusable","reason":"no_answer"}`;
const OLD_LAST = `{"source":"ndax","market":"BTC_CAD","currency":"CAD","price":115.30,"rate":1,"rate_source":"","price_cad":115.30,"age_ms":5120,"vote":true,"verdict":"taken","reason":"first_in_band","old_last":true}`;

/** The feed's answer as text, because no float has all of its digits. */
function answer(id: number, candidates: readonly string[] = [OLD_LAST, NO_ANSWER], fields = ""): string {
  const known = '"event":"explain","symbol":"BTC_CAD","seq":43,"ts":1795377000003';
  return `{${known},"reference":115.230000000000000000001,"dispersion":0.000412,"band":0.02,"sources":3,"candidates":[${candidates.join()}]${fields},"id":${id}}`;
}

function settledWith(frame: (id: number) => string): unknown {
  const session = Object.assign(new Session(undefined, () => 1), { reader });
  session.start(0);
  session.opened(1, 0);
  for (const text of snapshotOf(FIRST)) session.received(1, text, 0);
  const { commands } = session.request(KEY, { event: "explain", symbol: "BTC_CAD" }, 0);
  const [sent] = commands.flatMap((command) => (command.do === "send" ? [command.message] : []));
  expect(sent).toMatchObject({ event: "explain", symbol: "BTC_CAD" });
  const [ended] = session.received(1, frame(sent?.id ?? 0), 10).settled;
  return ended && "answer" in ended ? ended.answer : undefined;
}

describe("an explanation", () => {
  it("has every digit of its numbers, and null for a missing one", () => {
    expect(settledWith(answer)).toEqual({
      symbol: "BTC_CAD",
      seq: 43,
      ts: 1_795_377_000_003,
      reference: "115.230000000000000000001",
      dispersion: "0.000412",
      band: "0.02",
      sources: 3,
      candidates: [
        {
          source: "ndax",
          market: "BTC_CAD",
          currency: "CAD",
          price: "115.30",
          rate: "1",
          rate_source: "",
          price_cad: "115.30",
          age_ms: 5120,
          vote: true,
          verdict: "taken",
          reason: "first_in_band",
          old_last: true,
        },
        {
          source: "coingecko",
          market: "bitcoin",
          currency: "CAD",
          price: null,
          rate: null,
          rate_source: "",
          price_cad: null,
          age_ms: null,
          vote: false,
          verdict: "unusable",
          reason: "no_answer",
        },
      ],
    });
  });

  it("may say that its change lacks the currency's own move", () => {
    const told = settledWith((id) => answer(id, [], ',"change_at_current_rate":true'));
    expect(told).toHaveProperty("change_at_current_rate", true);
  });

  it("may have no reference, as without any vote", () => {
    const without = (id: number) =>
      answer(id, [NO_ANSWER]).replace(/"reference":.*"band"/, '"reference":null,"dispersion":null,"band"');
    expect(settledWith(without)).toMatchObject({ reference: null, dispersion: null });
  });

  it("may have words and fields of a newer server", () => {
    const newer = OLD_LAST.replace("first_in_band", "newer_reason").replace('"vote"', '"weight":2,"vote"');
    expect(settledWith((id) => answer(id, [newer], ',"also":1'))).toMatchObject({
      candidates: [{ reason: "newer_reason" }],
    });
  });

  it.each([
    ["a market without a verdict", OLD_LAST.replace('"verdict":"taken",', "")],
    ["a price that is not a number", OLD_LAST.replace('"price":115.30', '"price":"?"')],
    ["an age below zero", OLD_LAST.replace('"age_ms":5120', '"age_ms":-1')],
    ["a vote that is neither yes nor no", OLD_LAST.replace('"vote":true', '"vote":1')],
    ["a market that is not an object", "7"],
  ])("with %s is refused as a whole", (_, candidate) => {
    expect(settledWith((id) => answer(id, [candidate]))).toBeUndefined();
  });
});

it("feed.explain returns the explanation or throws the refusal", async () => {
  await withFeed(
    (socket) =>
      replying(socket, (message) => {
        const { event, id = 0, symbol } = message as typeof message & { symbol?: string };
        if (event === "subscribe") return snapshotOf(FIRST);
        if (symbol === "BTC_CAD") return [answer(id)];
        return [
          JSON.stringify({ event: "error", code: "unknown_symbol", message: "no such symbol", retryable: false, id }),
        ];
      }),
    async (url) => {
      const feed = new Feed(url);
      const { reference, candidates } = await feed.explain("BTC_CAD");
      expect(reference).toBe("115.230000000000000000001");
      expect(candidates.map(({ source, verdict }) => `${source} ${verdict}`)).toEqual([
        "ndax taken",
        "coingecko unusable",
      ]);
      await expect(feed.explain("X_CAD")).rejects.toMatchObject({ name: "RequestError", code: "unknown_symbol" });
      feed.close();
    },
  );
});
