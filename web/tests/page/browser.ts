/** The built page in a real browser, with a feed of this process behind it and the policy of the deployed page. */

import { existsSync } from "node:fs";
import { createServer } from "node:http";
import type { Server } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "vite";
import { WebSocketServer } from "ws";
import type { Browser, Page } from "../../../tools/node_modules/playwright-core/types/types.js";
import { Market } from "./market.ts";
import type { Asked } from "./market.ts";

export const CHROMIUM = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(existsSync);
const TYPES: Record<string, string> = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml" };
const TOOLS = new URL("../../../tools/package.json", import.meta.url);

/** A page's files and its feed on one port. */
export class Site {
  readonly market = new Market();
  url = "";
  readonly #files: Map<string, string | Uint8Array>;
  #server: Server | undefined;
  #sockets: WebSocketServer | undefined;
  #port = 0;

  constructor(files: Map<string, string | Uint8Array>) {
    this.#files = files;
  }

  async start(): Promise<void> {
    const server = createServer(({ url = "/" }, response) => {
      const path = new URL(url, "http://localhost").pathname;
      const body = this.#files.get(path === "/" ? "index.html" : path.slice(1));
      const type = TYPES[extname(path) || ".html"] ?? "text/plain";
      response.writeHead(body ? 200 : 404, { "Content-Type": type, "Content-Security-Policy": this.#policy() }).end(body);
    });
    const sockets = new WebSocketServer({ server });
    sockets.on("connection", (socket) => {
      socket.on("message", (data) => {
        for (const text of this.market.answer(JSON.parse(String(data)) as Asked, Date.now())) socket.send(text);
      });
    });
    await new Promise<void>((resolve) => server.listen(this.#port, "127.0.0.1", resolve));
    this.#port = (server.address() as AddressInfo).port;
    this.url = `http://127.0.0.1:${this.#port}/`;
    [this.#server, this.#sockets] = [server, sockets];
  }

  /** The next tick, to everyone. */
  tick(): void {
    const frame = this.market.update(Date.now());
    for (const socket of this.#sockets?.clients ?? []) socket.send(frame);
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets?.clients ?? []) socket.terminate();
    this.#server?.closeAllConnections();
    await new Promise((resolve) => this.#server?.close(resolve));
  }

  #policy(): string {
    const socket = `ws://127.0.0.1:${this.#port}`;
    return `default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self' ${socket}; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;
  }
}

export async function builtSite(): Promise<Site> {
  const root = fileURLToPath(new URL("../..", import.meta.url));
  const built = await build({ root, logLevel: "error", build: { write: false } });
  if (!("output" in built)) throw new Error("one build makes one output");
  return new Site(new Map(built.output.map((file) => [file.fileName, file.type === "chunk" ? file.code : file.source])));
}

export function launched(): Promise<Browser> {
  const { chromium } = createRequire(TOOLS)("playwright-core") as typeof import("../../../tools/node_modules/playwright-core/types/types.js");
  if (!CHROMIUM) throw new Error("no Chromium is installed");
  return chromium.launch({ executablePath: CHROMIUM });
}

export type { Browser, Page };
