/** The test vectors that all clients share: clients/vectors/README.md says what they mean. */

import { readdirSync, readFileSync } from "node:fs";
import type { Command, Outcome } from "cadfeed-client/session.ts";

import { Session } from "cadfeed-client/session.ts";
import { describe, expect, it } from "vitest";

type Fields = Record<string, unknown>;

interface Step {
  at_ms: number;
  do?: "start" | "opened" | "lost" | "elapsed";
  on?: number;
  frame?: Fields;
  text?: string;
  expect?: Fields;
}

interface Vectors {
  quote: Fields;
  cases: { name: string; steps: Step[] }[];
}

const FOLDER = new URL("../../clients/vectors/", import.meta.url);
const FILES = readdirSync(FOLDER).filter((name) => name.endsWith(".json"));
const COUNTED = ["opens", "closes", "subscribes", "asks"] as const;

it("there are vectors", () => {
  expect(FILES).toEqual(expect.arrayContaining(["connections.json", "frames.json", "parts.json"]));
});

describe.each(FILES)("%s", (file) => {
  const { quote, cases } = JSON.parse(readFileSync(new URL(file, FOLDER), "utf8")) as Vectors;

  it.each(cases)("$name", ({ steps }) => {
    const session = new Session(undefined, () => 0);
    const sums = { opens: 0, closes: 0, subscribes: 0, asks: 0 };
    let last: number | undefined;
    for (const step of steps) {
      const outcome = take(session, step, textOf(step, quote, last));
      const counts = countsOf(outcome.commands);
      last = outcome.commands.reduce((id, command) => (command.do === "send" ? command.message.id : id), last);
      for (const name of COUNTED) sums[name] += counts[name];
      const found: Fields = { ...seen(session, outcome), ...counts, ...soFar(sums) };
      const relaxed = COUNTED.filter((name) => steps.some((other) => `${name}_so_far` in (other.expect ?? {})));
      const nothing = Object.fromEntries(COUNTED.filter((name) => !relaxed.includes(name)).map((name) => [name, 0]));
      const expected: Fields = { ...nothing, ...step.expect };
      const named = Object.fromEntries(Object.keys(expected).map((name) => [name, found[name]]));
      expect(named, `at ${step.at_ms} ms`).toEqual(expected);
    }
  });
});

function take(session: Session, { at_ms: now, do: event, on = 0 }: Step, text: string): Outcome {
  switch (event) {
    case "start":
      return session.start(now);
    case "opened":
      return session.opened(on, now);
    case "lost":
      return session.lost(on, "", now);
    case "elapsed":
      return session.elapsed(now);
    default:
      return session.received(on, text, now);
  }
}

function textOf({ frame, text = "" }: Step, quote: Fields, last: number | undefined): string {
  if (!frame) return text;
  const data = frame["data"] as Fields[] | undefined;
  const whole = data ? { ...frame, data: data.map((fields) => ({ ...quote, ...fields })) } : frame;
  return JSON.stringify(whole["id"] === "$last" ? { ...whole, id: last } : whole);
}

function seen(session: Session, { changed }: Outcome): Fields {
  const { quotes, status, unavailable } = session.book;
  const held = [...quotes.values()];
  return {
    quotes: Object.fromEntries(held.map(({ symbol, spot }) => [symbol, spot])),
    unavailable: [...unavailable].sort(),
    stale: held.filter(({ stale }) => stale).map(({ symbol }) => symbol),
    sources: Object.fromEntries(held.map(({ symbol, sources }) => [symbol, sources])),
    percents: Object.fromEntries(held.map(({ symbol, change_pct: percent }) => [symbol, percent])),
    times: Object.fromEntries(held.map(({ symbol, ts }) => [symbol, ts])),
    late: status.late,
    suspect: Object.entries(status.sources)
      .filter(([, word]) => word === "suspect")
      .map(([name]) => name)
      .sort(),
    changed: changed.map(({ symbol }) => symbol),
    link: session.state.link,
  };
}

function countsOf(commands: readonly Command[]): Record<(typeof COUNTED)[number], number> {
  const sent = commands.filter((command) => command.do === "send").map(({ message }) => message.event);
  return {
    opens: commands.filter((command) => command.do === "open").length,
    closes: commands.filter((command) => command.do === "close").length,
    subscribes: sent.filter((event) => event === "subscribe").length,
    asks: sent.filter((event) => event === "snapshot").length,
  };
}

function soFar(sums: Record<string, number>): Fields {
  return Object.fromEntries(Object.entries(sums).map(([name, sum]) => [`${name}_so_far`, sum]));
}
