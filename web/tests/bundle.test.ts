/** What a browser has to load, and that it loads it from here only. */

import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "vite";
import type { Rolldown } from "vite";
import { beforeAll, expect, it } from "vitest";

const FIRST_JS_BYTES = 15_000;
let output: Rolldown.RolldownOutput["output"];

beforeAll(async () => {
  const root = fileURLToPath(new URL("..", import.meta.url));
  const built = await build({ root, logLevel: "error", build: { write: false } });
  if (!("output" in built)) throw new Error("one build makes one output");
  output = built.output;
});

it("the first JavaScript is small", () => {
  const scripts = output.filter((file) => file.type === "chunk");
  const bytes = scripts.filter(({ isEntry }) => isEntry).map(({ code }) => gzipSync(code).length);
  expect(scripts).toHaveLength(1);
  expect(bytes[0]).toBeGreaterThan(1000);
  expect(bytes[0]).toBeLessThanOrEqual(FIRST_JS_BYTES);
});

it("every file but the page has a hash in its name, and none is inlined", () => {
  const names = output.map(({ fileName }) => fileName);
  expect(names.filter((name) => !/^assets\/[\w-]+-[\w-]{8}\.(js|css|svg)$/.test(name))).toEqual(["index.html"]);
  const page = output.find(({ fileName }) => fileName === "index.html");
  const html = page?.type === "asset" ? String(page.source) : "";
  expect(html).toContain("/assets/");
  expect(html).not.toMatch(/data:|<style|\sstyle=|<script(?![^>]*\ssrc=)|https?:/);
});
