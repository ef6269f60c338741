/** Each test on a whole stack gets a visit to its page, over a connection that the test can cut. */

import type { AddressInfo, Server, Socket } from "node:net";
import { connect, createServer } from "node:net";
import { parseExact } from "cadfeed-client/exact.ts";
import { expect, test } from "vitest";
import type { Browser, Served } from "../page/browser.ts";
import { launched, Visit } from "../page/browser.ts";

/** The options from tests/e2e/page_on_stack.py. */
interface Options {
  readonly dashboard: string;
  readonly feed: string;
  /** The address of the simulated exchange behind the feed. */
  readonly exchange: string;
  /** The key of the stack's certificate. */
  readonly spki: string;
  /** The feed's names of its sources. */
  readonly sources: readonly string[];
}

export const STACK: Options = JSON.parse(process.env["CADFEED_STACK"] ?? "{}");
export const SOURCES = STACK.sources;

/** A proxy to the page and its feed, which can cut every connection. */
export class Wire implements Served {
  url = "";
  /** The proxy refuses new connections. */
  isCut = false;
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;

  next(drawn: number): number {
    return drawn + 1;
  }

  async start(): Promise<void> {
    const { port } = new URL(STACK.dashboard);
    const server = createServer((near) => {
      if (this.isCut) return near.resetAndDestroy();
      const far = connect(Number(port), "localhost");
      for (const [one, other] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#sockets.add(one);
        one.pipe(other);
        one.on("error", () => undefined); // "close" follows.
        one.on("close", () => {
          this.#sockets.delete(one);
          other.destroy();
        });
      }
      return undefined;
    });
    await new Promise<void>((resolve) => server.listen(0, "localhost", resolve));
    this.#server = server;
    this.url = `https://localhost:${(server.address() as AddressInfo).port}/`;
  }

  /** Cut every connection without a close, and refuse new ones until `mend`. */
  cut(): void {
    this.isCut = true;
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  mend(): void {
    this.isCut = false;
  }

  async stop(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server?.close(resolve));
  }
}

interface Given {
  readonly browser: Browser;
  readonly wire: Wire;
  readonly visit: Visit;
}

export const it = test.extend<Given>({
  browser: [
    async ({}, use) => {
      // Trust only certificates with this key; all other checks stay.
      const browser = await launched([`--ignore-certificate-errors-spki-list=${STACK.spki}`]);
      await use(browser);
      await browser.close();
    },
    { scope: "file" },
  ],
  wire: async ({}, use) => {
    const wire = new Wire();
    await wire.start();
    await use(wire);
    await wire.stop();
  },
  visit: async ({ browser, wire }, use) => {
    const visit = new Visit(browser, wire);
    await use(visit);
    await visit.end();
  },
});

/** Give the simulated sources these faults, and no others: `tools/simulator/faults.py`. */
export async function setFaults(faults: Readonly<Record<string, object>>): Promise<void> {
  const all = { ...Object.fromEntries(SOURCES.map((name) => [name, {}])), ...faults };
  const answer = await fetch(`${STACK.exchange}/control/faults`, { method: "POST", body: JSON.stringify(all) });
  expect(answer.status, await answer.text()).toBe(200);
}

/** The feed's answer to a request over a separate connection; numbers are texts. */
export async function ask(request: object): Promise<Record<string, unknown>> {
  const socket = new WebSocket(STACK.feed);
  try {
    return await new Promise((resolve, reject) => {
      socket.onerror = () => reject(new Error(`no connection to ${STACK.feed}`));
      socket.onopen = () => socket.send(JSON.stringify({ ...request, id: 1 }));
      socket.onmessage = ({ data }) => {
        const frame = parseExact(String(data)) as Record<string, unknown>;
        if (Number(frame["id"]) === 1) resolve(frame);
      };
    });
  } finally {
    socket.close();
  }
}
