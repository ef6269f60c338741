/** The files that a browser loads for a chart, and when. */

import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import type { Rolldown } from "vite";
import { build } from "vite";
import { afterAll, beforeAll, expect, it, vi } from "vitest";

const DRAWING_BYTES = 56_000;
const DIALOG_BYTES = 7_200;
const LIBRARY = "lightweight-charts";
let chunks: Rolldown.OutputChunk[];

beforeAll(async () => {
  // The library has two builds; this is the deployed one.
  vi.stubEnv("NODE_ENV", "production");
  const root = fileURLToPath(new URL("..", import.meta.url));
  const options = { input: `${root}src/chart/index.ts`, preserveEntrySignatures: "strict" as const };
  const built = await build({ root, logLevel: "error", build: { write: false, rolldownOptions: options } });
  if (!("output" in built)) throw new Error("one build makes one output");
  chunks = built.output.filter((file) => file.type === "chunk");
});

afterAll(() => {
  vi.unstubAllEnvs();
});

it("the drawing is a separate file within its limit", () => {
  const drawing = chunks.filter(isDrawing);
  expect(drawing).toHaveLength(1);
  expect(drawing[0]?.isDynamicEntry).toBe(true);
  expect(drawing[0]?.isEntry).toBe(false);
  expect(bytesOf(drawing)).toBeGreaterThan(30_000);
  expect(bytesOf(drawing)).toBeLessThanOrEqual(DRAWING_BYTES);
});

it("the chart library names its licence", () => {
  expect(chunks.find(isDrawing)?.code).toMatch(/@license.*Copyright.*Apache License 2\.0/s);
});

it("the dialog is small, because it shares the page's code", () => {
  expect(bytesOf(chunks.filter((chunk) => !isDrawing(chunk)))).toBeLessThanOrEqual(DIALOG_BYTES);
});

function isDrawing({ moduleIds }: Rolldown.OutputChunk): boolean {
  return moduleIds.some((id) => id.includes(LIBRARY));
}

function bytesOf(some: readonly Rolldown.OutputChunk[]): number {
  return some.map(({ code }) => gzipSync(code).length).reduce((sum, length) => sum + length, 0);
}
