/** The example of docs/protocol.md, unchanged, under Node and against a feed on this machine. */

import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";

import { imagesOf, snapshotOf, updateOf } from "./market.ts";
import { replying, withFeed } from "./server.ts";

const ROOT = new URL("../../", import.meta.url);
const [FIRST, SECOND] = imagesOf([{ BTC_CAD: true }]);

function exampleOf(path: string): string {
  const example = /```ts\n(.*?)```/s.exec(readFileSync(new URL(path, ROOT), "utf8"))?.[1];
  if (!example) throw new Error(`${path} has no \`\`\`ts example`);
  return example;
}

it("the guide's example prints quotes as they come", async () => {
  const asked: unknown[] = [];
  await withFeed(
    (socket) =>
      replying(socket, (message) => {
        asked.push(message);
        if (!FIRST || !SECOND) return [];
        return [...snapshotOf(FIRST), ...updateOf(FIRST, SECOND)];
      }),
    async (url) => {
      const example = exampleOf("docs/protocol.md");
      const here = example.replace("wss://localhost:8000/markets/ws/", url);
      expect(here).not.toBe(example);
      const lines: string[] = [];
      const child = execFile(process.execPath, ["--input-type=module-typescript", "--eval", here], { cwd: ROOT });
      child.stdout?.on("data", (text: string) => lines.push(...text.trim().split("\n")));
      child.stderr?.on("data", (text: string) => lines.push(`stderr: ${text}`));
      try {
        await expect.poll(() => lines, { timeout: 10_000 }).toContainEqual(expect.stringContaining("BTC_CAD 2.500001"));
        expect(child.exitCode).toBeNull();
        expect(lines.filter((line) => !/^[A-Z]+_CAD \d+\.\d+/.test(line))).toEqual([]);
        const [symbols] = /symbols: (\[.*\])/.exec(example)?.slice(1) ?? [];
        expect(asked).toEqual([
          { event: "subscribe", channel: "rates_compact", symbols: JSON.parse(symbols ?? ""), id: 1 },
        ]);
      } finally {
        child.kill();
      }
    },
  );
}, 15_000);

it("the client's own documentation has the same example", () => {
  const shown = readFileSync(new URL("clients/typescript/src/index.ts", ROOT), "utf8").replaceAll(/^ \* ?/gm, "");
  expect(/```ts\n(.*?)```/s.exec(shown)?.[1]).toBe(exampleOf("docs/protocol.md"));
});
