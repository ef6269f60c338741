#!/usr/bin/env node
/**
 * Starts Firefox for Playwright, which drives it by WebDriver BiDi, and stands between the two: Firefox ESR does not know
 * two commands that Playwright sends for every window. They emulate a medium and a screen, and are answered here:
 * a test in Firefox chooses a dark page by the page's own setting. CADFEED_FIREFOX is the browser's path; the arguments are Playwright's.
 *
 * https://w3c.github.io/webdriver-bidi/#module-emulation
 */

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { WebSocket, WebSocketServer } from "ws";

const UNKNOWN = new Set(["emulation.setMediaFeaturesOverride", "emulation.setScreenSettingsOverride"]);
const LISTENS = /^WebDriver BiDi listening on (ws:\S+)$/;

const firefox = spawn(process.env.CADFEED_FIREFOX, process.argv.slice(2), { stdio: ["ignore", "inherit", "pipe"] });
for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"]) process.on(signal, () => firefox.kill(signal));
firefox.on("exit", (code) => process.exit(code ?? 1));
createInterface({ input: firefox.stderr }).on("line", (line) => {
  const address = LISTENS.exec(line)?.[1];
  if (address) relay(address, (own) => process.stderr.write(`WebDriver BiDi listening on ${own}\n`));
  else process.stderr.write(`${line}\n`);
});

/** Pass messages on in both directions; `listens` is called with the address of this end. */
function relay(address, listens) {
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
  server.on("listening", () => listens(`ws://127.0.0.1:${server.address().port}`));
  server.on("connection", (near, { url }) => {
    const far = new WebSocket(address + (url === "/" ? "" : url), { perMessageDeflate: false });
    const opened = new Promise((resolve) => far.once("open", resolve));
    near.on("message", async (message) => {
      const { id, method } = JSON.parse(message);
      await opened;
      if (UNKNOWN.has(method)) near.send(JSON.stringify({ type: "success", id, result: {} }));
      else far.send(String(message));
    });
    far.on("message", (message) => near.send(String(message)));
    near.on("close", () => far.close());
    far.on("close", () => near.close());
  });
}
