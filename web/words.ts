/**
 * The page in the words of a language. A text in the sources is English and marked, as in t`${n} assets`; those of
 * index.html and embed.html need no mark. The build replaces them by the catalogue `words/LANGUAGE.json`, so a language
 * costs the page nothing while it runs. What a catalogue lacks ends the build. The client's sentences, which the page shows,
 * need no mark either.
 */

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { ESTree, Plugin } from "vite";
import { parseSync } from "vite";

export type Catalogue = Readonly<Record<string, string>>;
/** The languages beside English, by their pages' names. */
export const LANGUAGES: Readonly<Record<string, string>> = { fr: "fr-CA" };

const SOURCES = fileURLToPath(new URL("src/", import.meta.url));
const CLIENT = fileURLToPath(new URL("../clients/typescript/src/", import.meta.url));
/** A text of the client that the page shows, such as why there is no connection. It has its own texts for failed requests. */
const SENTENCE = /(?<!RequestError\("\w+", )"([A-Z][^"\n]*\.)"/g;
const PUBLIC = fileURLToPath(new URL("public/", import.meta.url));
const MANIFEST = "manifest.json";
/** Attributes that people read or hear. */
const ATTRIBUTES = "aria-label|content|placeholder|title";
/** Texts of the pages that are the same in all languages. */
const SAME = /^(?:[^a-z]*|width=device-width.*|light dark|noindex|#\w+)$/i;

export function catalogueOf(locale: string): Catalogue {
  return JSON.parse(readFileSync(new URL(`words/${locale}.json`, import.meta.url), "utf8"));
}

/** Writes a page in a language, as `fr.html` or `embed.fr.html`, and its manifest; without one, in English. */
export function words(language: string | undefined): Plugin {
  const locale = LANGUAGES[language ?? ""];
  const catalogue = locale ? catalogueOf(locale) : undefined;
  return {
    name: "words",
    enforce: "pre",
    transform(code, id) {
      if (catalogue && id.startsWith(CLIENT)) return { code: clientTranslated(code, catalogue), map: null };
      if (!id.startsWith(SOURCES) || !/\.ts$/.test(id) || !code.includes("t`")) return undefined;
      return { code: translated(code, catalogue), map: null };
    },
    transformIndexHtml: {
      order: "pre",
      handler(html) {
        if (!locale || !catalogue) return html;
        return translatedHtml(html, locale, catalogue).replace(`"/${MANIFEST}"`, `"/manifest.${language}.json"`);
      },
    },
    generateBundle: {
      order: "post",
      handler(_, bundle) {
        for (const file of language ? Object.values(bundle) : []) {
          if (file.type !== "asset" || !file.fileName.endsWith(".html")) continue;
          const name = file.fileName === "index.html" ? "" : file.fileName.replace("html", "");
          this.emitFile({ type: "asset", fileName: `${name}${language}.html`, source: file.source });
          delete bundle[file.fileName];
          if (name || !locale || !catalogue) continue;
          const source = translatedManifest(readFileSync(`${PUBLIC}${MANIFEST}`, "utf8"), locale, catalogue);
          this.emitFile({ type: "asset", fileName: `manifest.${language}.json`, source });
        }
      },
    },
  };
}

/** A source with the words of a catalogue in place of its marked texts; without one, with its own. */
export function translated(code: string, catalogue?: Catalogue): string {
  const marked = markedIn(code).toSorted((one, other) => other.start - one.start);
  let written = code;
  for (const { start, end, texts, values } of marked) {
    const key = keyOf(texts);
    const text = catalogue ? wordsFor(key, catalogue) : key;
    const parts = text.split(/\{(\d)\}/).map((part, index) => {
      if (index % 2 === 0) return part.replace(/[`\\$]/g, "\\$&");
      const value = values[Number(part)];
      if (!value) throw new Error(`${key}: it has no value {${part}}`);
      return `\${${translated(code.slice(value.start, value.end), catalogue)}}`;
    });
    written = `${written.slice(0, start)}\`${parts.join("")}\`${written.slice(end)}`;
  }
  return written;
}

export function clientTranslated(code: string, catalogue: Catalogue): string {
  return code.replace(SENTENCE, (_, text: string) => JSON.stringify(wordsFor(text, catalogue)));
}

interface Marked {
  readonly start: number;
  readonly end: number;
  readonly texts: readonly string[];
  readonly values: readonly { readonly start: number; readonly end: number }[];
}

/** The marked texts of a source. Those within the values of another one are left out. */
export function markedIn(code: string): Marked[] {
  const found: Marked[] = [];
  const visit = (node: unknown): void => {
    if (Array.isArray(node)) for (const each of node) visit(each);
    if (typeof node !== "object" || node === null || Array.isArray(node)) return;
    const { type, start, end, tag, quasi } = node as ESTree.TaggedTemplateExpression;
    if (type === "TaggedTemplateExpression" && tag.type === "Identifier" && tag.name === "t") {
      found.push({ start, end, texts: quasi.quasis.map(({ value }) => value.cooked ?? ""), values: quasi.expressions });
    } else {
      for (const child of Object.values(node)) visit(child);
    }
  };
  // A value of a template may be an expression only.
  const { program, errors } = parseSync("source.ts", code, { lang: "ts" });
  if (errors[0]) throw new Error(errors[0].message);
  visit(program);
  return found;
}

/** The text as catalogues name it: `{0} of {1} assets`. */
export function keyOf(texts: readonly string[]): string {
  return texts.map((text, index) => (index ? `{${index - 1}}${text}` : text)).join("");
}

export function translatedHtml(html: string, locale: string, catalogue: Catalogue): string {
  const inWords = (text: string): string => (SAME.test(text.trim()) ? text : swapped(text, catalogue));
  return html
    .replace('<html lang="en-CA">', `<html lang="${locale}">`)
    .replace(/>([^<>]+)</g, (_, text: string) => `>${inWords(text)}<`)
    .replace(new RegExp(` (${ATTRIBUTES})="([^"]+)"`, "g"), (_, name, text) => ` ${name}="${inWords(text)}"`);
}

/** https://www.w3.org/TR/appmanifest/ */
export function translatedManifest(json: string, locale: string, catalogue: Catalogue): string {
  const manifest = JSON.parse(json);
  const [name, description] = [manifest.name, manifest.description].map((text) => wordsFor(text, catalogue));
  return JSON.stringify({ ...manifest, name, description, lang: locale });
}

/** The words for a text between spaces, which stay. */
function swapped(text: string, catalogue: Catalogue): string {
  const key = text.trim().replaceAll("&nbsp;", " ");
  return text.replace(text.trim(), () => wordsFor(key, catalogue).replaceAll("\u00a0", "&nbsp;"));
}

function wordsFor(key: string, catalogue: Catalogue): string {
  const words = catalogue[key];
  if (words === undefined) throw new Error(`the catalogue has no words for "${key}"`);
  return words;
}
