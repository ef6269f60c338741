import { parseByMarks, parseBySourceText, parseExact } from "cadfeed-client/exact.ts";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

const WAYS = { "the source text": parseBySourceText, marks: parseByMarks };

/** The result of a parser, or that it refuses the text. */
function made(parse: (text: string) => unknown, text: string): unknown {
  try {
    return { parsed: parse(text) };
  } catch (error) {
    return (error as Error).name;
  }
}

describe.each(Object.entries(WAYS))("by %s", (_, parse) => {
  it("keeps every digit of a price", () => {
    const digits = "136542.18340000000000000000000000000001";
    expect(parse(`{"bid":${digits},"ask":0.000012439404,"spot":1E+2,"change":-0,"change_pct":0.10,"seq":41}`)).toEqual({
      bid: digits,
      ask: "0.000012439404",
      spot: "1E+2",
      change: "-0",
      change_pct: "0.10",
      seq: 41,
    });
  });

  it("keeps every digit of a candle", () => {
    expect(parse('{"candles":[[1704489120000,1.10,1.20,1.00,1.15]],"in_progress":[60000,1,2,3,4]}')).toEqual({
      candles: [[1704489120000, "1.10", "1.20", "1.00", "1.15"]],
      in_progress: [60000, "1", "2", "3", "4"],
    });
  });

  it("keeps every digit of an explanation, and null as null", () => {
    const candidate = '{"price":63.40,"rate":1.3699999999999999999,"price_cad":null,"age_ms":120}';
    expect(
      parse(`{"reference":115.230,"dispersion":0.000412,"band":0.020,"sources":3,"candidates":[${candidate}]}`),
    ).toEqual({
      reference: "115.230",
      dispersion: "0.000412",
      band: "0.020",
      sources: 3,
      candidates: [{ price: "63.40", rate: "1.3699999999999999999", price_cad: null, age_ms: 120 }],
    });
  });

  it("keeps a text that looks like a number or a mark", () => {
    const texts = ["1.50", "\u00001.50", "\u0000", "\u0000\u00007", 'say "bid":1.0', "\\", "\\u0000"];
    for (const text of texts)
      expect(parse(JSON.stringify({ bid: text, other: [text] }))).toEqual({ bid: text, other: [text] });
  });
});

it("both parsers agree on any JSON", () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      expect(parseByMarks(text)).toEqual(parseBySourceText(text));
    }),
  );
});

it("both parsers refuse the same invalid JSON", () => {
  const pieces = [
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    '"',
    "\\",
    "bid",
    '"bid":',
    "0",
    "1",
    "-",
    ".",
    "e",
    "+",
    "null",
    " ",
    "\n",
    "u0000",
  ];
  const text = fc.array(fc.constantFrom(...pieces), { maxLength: 12 }).map((parts) => parts.join(""));
  fc.assert(
    fc.property(text, (garbage) => {
      expect(made(parseByMarks, garbage)).toEqual(made(parseBySourceText, garbage));
    }),
    { numRuns: 5000 },
  );
});

it("uses the better parser if the platform has it", () => {
  expect(parseExact).toBe(parseBySourceText);
});
