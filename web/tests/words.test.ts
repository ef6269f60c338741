/** The words of another language: every text has some, and none is left over. */

// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the code in these texts has them.

import { globSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import {
  catalogueOf,
  clientTranslated,
  keyOf,
  LANGUAGES,
  markedIn,
  translated,
  translatedHtml,
  translatedManifest,
} from "../words.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const SOURCES = globSync("src/**/*.ts", { cwd: ROOT }).filter((name) => !name.endsWith(".d.ts"));
const CLIENT = globSync("../clients/typescript/src/*.ts", { cwd: ROOT });
const PAGES = ["index.html", "embed.html"];
const read = (name: string): string => readFileSync(`${ROOT}${name}`, "utf8");
/** A catalogue that notes what is asked for, and has words for everything. */
const noting = (asked: Set<string>): Record<string, string> =>
  new Proxy(
    {},
    {
      get(_, key) {
        asked.add(String(key));
        return String(key);
      },
    },
  );

describe.each(Object.values(LANGUAGES))("%s", (locale) => {
  const catalogue = catalogueOf(locale);

  it("has words for every text of the page and the widget, and no others", () => {
    const asked = new Set<string>();
    for (const name of SOURCES) translated(read(name), noting(asked));
    for (const name of PAGES) translatedHtml(read(name), locale, noting(asked));
    for (const name of CLIENT) clientTranslated(read(name), noting(asked));
    expect(asked.size).toBeGreaterThan(200);
    expect([...asked].filter((key) => !(key in catalogue))).toEqual([]);
    expect(Object.keys(catalogue).filter((key) => !asked.has(key))).toEqual([]);
  });

  it("uses each value of a text once", () => {
    const valuesIn = (text: string): string[] => (text.match(/\{\d\}/g) ?? []).toSorted();
    const wrong = Object.entries(catalogue).filter(([key, words]) => `${valuesIn(key)}` !== `${valuesIn(words)}`);
    expect(wrong).toEqual([]);
  });

  it("keeps the spaces at the ends of a text, where others follow", () => {
    const ends = (text: string): string => `${/^[\s·]*/.exec(text)?.[0].length} ${/\s*$/.exec(text)?.[0].length}`;
    const wrong = Object.entries(catalogue).filter(
      ([key, words]) => key.length > 1 && !/^[:;] /.test(key) && ends(key) !== ends(words),
    );
    expect(wrong).toEqual([]);
  });
});

describe("a marked text", () => {
  it("is found with its values", () => {
    const [first, second, ...more] = markedIn("const a = t`${n} of ${m()} assets`, b = t`Live`, c = `t`;");
    expect(keyOf(first?.texts ?? [])).toBe("{0} of {1} assets");
    expect(keyOf(second?.texts ?? [])).toBe("Live");
    expect(more).toEqual([]);
  });

  it("becomes a plain one, in any order of its values", () => {
    expect(translated("f(t`${a} of ${b.c}`)")).toBe("f(`${a} of ${b.c}`)");
    expect(translated("f(t`${a} of ${b.c}`)", { "{0} of {1}": "sur {1} : {0}" })).toBe("f(`sur ${b.c} : ${a}`)");
    expect(translated("t`${t`x`}%`", { x: "y", "{0}%": "{0} %" })).toBe("`${`y`} %`");
    expect(translated("t`a\\nb \\` \\${`", undefined)).toBe("`a\nb \\` \\${`");
  });

  it("without words ends the build", () => {
    expect(() => translated("t`Live`", {})).toThrow('no words for "Live"');
    expect(() => translated("t`Live`", { Live: "{0}" })).toThrow("no value {0}");
    expect(() => translatedHtml("<p>Live</p>", "fr-CA", {})).toThrow('no words for "Live"');
  });

  it("is found in the client without a mark", () => {
    expect(clientTranslated('x = late ? "Too late." : "late"', { "Too late.": "Trop tard." })).toBe(
      'x = late ? "Trop tard." : "late"',
    );
  });

  it("is in the manifest, too", () => {
    const json = JSON.stringify({
      name: "Live",
      short_name: "cadfeed",
      description: "All",
      lang: "en-CA",
      start_url: "/",
    });
    expect(JSON.parse(translatedManifest(json, "fr-CA", { Live: "En direct", All: "Tout" }))).toEqual({
      name: "En direct",
      short_name: "cadfeed",
      description: "Tout",
      lang: "fr-CA",
      start_url: "/",
    });
  });

  it("may not change what the page does", () => {
    const html = '<html lang="en-CA"><p title="More">24&nbsp;h %</p><a href="/x" id="More">☰</a>';
    const words = { More: "Plus", "24 h %": "24\u00a0h, %" };
    expect(translatedHtml(html, "fr-CA", words)).toBe(
      '<html lang="fr-CA"><p title="Plus">24&nbsp;h, %</p><a href="/x" id="More">☰</a>',
    );
  });
});
