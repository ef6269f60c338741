/** The built page and a feed on one port of this machine, sent with the headers of the deployed page. */

import { execFileSync } from "node:child_process";
import { globSync, readFileSync } from "node:fs";
import type { Server } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "vite";
import { WebSocketServer } from "ws";
import type { Served } from "./browser.ts";
import type { Asked } from "./market.ts";
import { Market } from "./market.ts";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const TYPES: Record<string, string> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
  ".json": "application/json",
  ".png": "image/png",
};
/** In English, and in French. */
const FILES: Record<string, readonly [string, string]> = {
  "/": ["index.html", "fr.html"],
  "/embed": ["embed.html", "embed.fr.html"],
};
const HOST = "host.invalid";
const HEADERS = `
import json
from infra.security_headers import headers_of
print(json.dumps([headers_of(path, "${HOST}") for path in ("/", "/embed")]))
`;

type Headers = Readonly<Record<string, string>>;

/** The files of the page and the widget, and the headers that they are deployed with. */
export interface Built {
  readonly files: ReadonlyMap<string, string | Uint8Array>;
  readonly headers: Headers;
  readonly widgetHeaders: Headers;
}

/** Build the page, or other modes of vite.config.ts: `embed`, `fr`, `embed-fr`. */
export async function built(...modes: string[]): Promise<Built> {
  const files = new Map<string, string | Uint8Array>();
  for (const mode of modes.length ? modes : ["production"]) {
    const output = await build({ root: `${ROOT}/web`, mode, logLevel: "error", build: { write: false } });
    if (!("output" in output)) throw new Error("one build makes one output");
    for (const file of output.output) files.set(file.fileName, file.type === "chunk" ? file.code : file.source);
  }
  return { files, ...deployedHeaders() };
}

/** What `npm run build` has written: only there are the worker's files and the icons. */
export function onDisk(): Built {
  const root = `${ROOT}/web/dist`;
  const names = globSync("**/*.*", { cwd: root });
  return { files: new Map(names.map((name) => [name, readFileSync(`${root}/${name}`)])), ...deployedHeaders() };
}

function deployedHeaders(): { headers: Headers; widgetHeaders: Headers } {
  const written = execFileSync(`${ROOT}/.venv/bin/python`, ["-c", HEADERS], { cwd: ROOT, encoding: "utf8" });
  const [headers, widgetHeaders] = JSON.parse(written) as [Headers, Headers];
  return { headers, widgetHeaders };
}

export class Site implements Served {
  readonly market = new Market();
  url = "";
  /** The feed's clock. */
  now: () => number = Date.now;
  /** The feed refuses new connections. */
  isFull = false;
  /** The feed accepts connections and messages, but sends nothing. */
  isMute = false;
  /** The feed also answers over HTTP. */
  hasDocuments = false;
  /** The delay of each frame, as from a distant feed. */
  answersAfterMs = 0;
  readonly #built: Built;
  #server: Server | undefined;
  #sockets: WebSocketServer | undefined;
  #port = 0;

  constructor(from: Built) {
    this.#built = from;
  }

  /** The number of connections to the feed. */
  get connections(): number {
    return this.#sockets?.clients.size ?? 0;
  }

  async start(): Promise<void> {
    const server = createServer(({ url = "/", headers }, response) => {
      const path = new URL(url, "http://localhost").pathname;
      if (path === "/markets/rates.json" && this.hasDocuments) {
        response.writeHead(200, { "Cache-Control": "public, max-age=1" }).end(this.market.snapshot(this.now()));
        return;
      }
      const language = Number(/^fr/.test(headers["accept-language"] ?? ""));
      const body = this.#built.files.get(FILES[path]?.[language] ?? path.slice(1));
      const type = TYPES[extname(path) || ".html"] ?? "text/plain";
      response.writeHead(body ? 200 : 404, { "Content-Type": type, ...this.#headers(path) }).end(body);
    });
    const verifyClient = (_: unknown, answer: (taken: boolean, code: number) => void) => answer(!this.isFull, 503);
    const sockets = new WebSocketServer({ server, verifyClient });
    sockets.on("connection", (socket) => {
      socket.on("message", (data) => {
        if (this.isMute) return;
        const answer = () =>
          this.market.answer(JSON.parse(String(data)) as Asked, this.now()).forEach((text) => socket.send(text));
        if (this.answersAfterMs) setTimeout(answer, this.answersAfterMs);
        else answer();
      });
    });
    await new Promise<void>((resolve) => server.listen(this.#port, "127.0.0.1", resolve));
    this.#port = (server.address() as AddressInfo).port;
    this.url = `http://127.0.0.1:${this.#port}/`;
    [this.#server, this.#sockets] = [server, sockets];
  }

  /** Send the next tick to every connection. */
  tick(): void {
    this.send(this.market.update(this.now()));
  }

  next(): number {
    this.tick();
    return this.market.seq;
  }

  send(frame: string): void {
    if (this.isMute) return;
    for (const socket of this.#sockets?.clients ?? []) socket.send(frame);
  }

  /** End all connections: with this close code, or without one like a broken network. */
  cut(code?: number): void {
    for (const socket of this.#sockets?.clients ?? []) {
      if (code === undefined) socket.terminate();
      else socket.close(code);
    }
  }

  async stop(): Promise<void> {
    this.cut();
    this.#server?.closeAllConnections();
    await new Promise((resolve) => this.#server?.close(resolve));
  }

  #headers(path: string): Record<string, string> {
    const entries = Object.entries(path === "/embed" ? this.#built.widgetHeaders : this.#built.headers);
    return Object.fromEntries(
      entries.map(([name, value]) => [name, value.replace(`wss://${HOST}`, `ws://127.0.0.1:${this.#port}`)]),
    );
  }
}
