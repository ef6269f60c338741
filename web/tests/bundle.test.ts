/** The files that a browser loads for the page: their sizes, and that all are the page's own. */

import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import type { Rolldown } from "vite";
import { build } from "vite";
import { beforeAll, expect, it } from "vitest";

const FIRST_JS_BYTES = 16 * 1_024;
const CSS_BYTES = 6 * 1_024;
const WIDGET_BYTES = 6 * 1_024;
type Output = Rolldown.RolldownOutput["output"];
let output: Output;
let french: Output;
let widget: Output;

beforeAll(async () => {
  output = await outputOf("production");
  french = await outputOf("fr");
  widget = await outputOf("embed-fr");
});

async function outputOf(mode: string): Promise<Output> {
  const root = fileURLToPath(new URL("..", import.meta.url));
  const built = await build({ root, mode, logLevel: "error", build: { write: false } });
  if (!("output" in built)) throw new Error("one build makes one output");
  return built.output;
}

it.each([
  ["English", () => output],
  ["French", () => french],
])("the first JavaScript is small, with everything that it imports at the start: %s", (_, files) => {
  const scripts = files().filter((file) => file.type === "chunk");
  const first = new Set(scripts.filter(({ isEntry }) => isEntry));
  for (const { imports } of first)
    for (const script of scripts) if (imports.includes(script.fileName)) first.add(script);
  const bytes = [...first].reduce((sum, { code }) => sum + gzipSync(code).length, 0);
  expect(bytes).toBeGreaterThan(5000);
  expect(bytes).toBeLessThanOrEqual(FIRST_JS_BYTES);
});

it("the first style sheet is small", () => {
  const page = output.find(({ fileName }) => fileName === "index.html");
  const html = page?.type === "asset" ? String(page.source) : "";
  const sheets = output.filter((file) => file.type === "asset" && file.fileName.endsWith(".css"));
  const linked = sheets.filter(({ fileName }) => html.includes(fileName));
  expect(linked).toHaveLength(1);
  const bytes = linked.map((file) => (file.type === "asset" ? gzipSync(file.source).length : 0));
  expect(bytes[0]).toBeGreaterThan(500);
  expect(bytes[0]).toBeLessThanOrEqual(CSS_BYTES);
});

it("the widget is small, with all its files", () => {
  const names = widget.map(({ fileName }) => fileName.replace(/-[\w-]{8}\./, "."));
  expect(names.toSorted()).toEqual(["assets/embed.css", "assets/embed.js", "assets/favicon.svg", "embed.fr.html"]);
  const bytes = widget.map((file) => gzipSync(file.type === "chunk" ? file.code : file.source).length);
  expect(bytes.reduce((sum, each) => sum + each)).toBeLessThanOrEqual(WIDGET_BYTES);
});

it("every file but the page has a hash in its name, and none is inlined", () => {
  const names = output.map(({ fileName }) => fileName);
  expect(names.filter((name) => !/^assets\/[\w-]+-[\w-]{8}\.(js|css|svg)$/.test(name))).toEqual(["index.html"]);
  const page = output.find(({ fileName }) => fileName === "index.html");
  const html = page?.type === "asset" ? String(page.source) : "";
  expect(html).toContain("/assets/");
  // A link loads nothing.
  expect(html.replace(/<a [^>]*>/g, "")).not.toMatch(/data:|<style|\sstyle=|<script(?![^>]*\ssrc=)|https?:/);
});
