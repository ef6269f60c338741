/** The last 24 hours at a glance. */

import type { Quote } from "cadfeed-client";
import { expect, it } from "vitest";
import { dayOf } from "../src/day.ts";

function quotes(percents: Record<string, string>, stale: readonly string[] = []): Quote[] {
  return Object.entries(percents).map(
    ([symbol, percent]) => ({ symbol, change_pct: percent, stale: stale.includes(symbol) }) as unknown as Quote,
  );
}

const named = (all: readonly Quote[]) => all.map(({ symbol }) => symbol).join("");

it("names the three that rose and fell most, the biggest change first", () => {
  const day = dayOf(quotes({ A: "1.5", B: "-0.5", C: "12", D: "0.0001", E: "-30.5", F: "2", G: "-9", H: "-10" }));
  expect([named(day.gains), named(day.losses)]).toEqual(["CFA", "EHG"]);
  expect([day.ups, day.downs]).toEqual([4, 4]);
});

it("leaves out what did not change, and what is stale", () => {
  const day = dayOf(quotes({ A: "0", B: "-0.5", C: "12", D: "3" }, ["C"]));
  expect([named(day.gains), named(day.losses), day.ups, day.downs]).toEqual(["D", "B", 1, 1]);
});

it("may have no gains, no losses, and no quotes", () => {
  expect(dayOf(quotes({ A: "-1", B: "-2" }))).toMatchObject({ ups: 0, downs: 2, gains: [] });
  expect(dayOf(quotes({ A: "1", B: "2" }))).toMatchObject({ ups: 2, downs: 0, losses: [] });
  expect(dayOf([])).toEqual({ ups: 0, downs: 0, gains: [], losses: [] });
});
