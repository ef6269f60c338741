/** What each test on a whole stack is given: a visit to its page, over a wire that can be cut. */

import { connect, createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";
import { expect, test } from "vitest";
import { parseExact } from "cadfeed-client/exact.ts";
import { launched, Visit } from "../page/browser.ts";
import type { Browser, Served } from "../page/browser.ts";

/** As tests/e2e/test_page_on_stack.py gives them. */
interface Addresses {
  readonly dashboard: string;
  readonly feed: string;
  /** Of the exchange behind the feed. */
  readonly exchange: string;
  /** The key of the stack's certificate. */
  readonly spki: string;
}

export const STACK: Addresses = JSON.parse(process.env["CADFEED_STACK"] ?? "{}");

/** A way to the page and its feed that can be cut. */
export class Wire implements Served {
  url = "";
  /** New connections are not taken. */
  isCut = false;
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;

  next(drawn: number): number {
    return drawn + 1;
  }

  async start(): Promise<void> {
    const { port } = new URL(STACK.dashboard);
    this.#server = createServer((near) => {
      if (this.isCut) return near.resetAndDestroy();
      const far = connect(Number(port), "localhost");
      for (const [one, other] of [[near, far], [far, near]] as const) {
        this.#sockets.add(one);
        one.pipe(other);
        one.on("error", () => undefined); // Of which "close" tells too.
        one.on("close", () => {
          this.#sockets.delete(one);
          other.destroy();
        });
      }
      return undefined;
    });
    await new Promise<void>((resolve) => this.#server?.listen(0, "localhost", resolve));
    this.url = `https://localhost:${(this.#server?.address() as AddressInfo).port}/`;
  }

  /** End every connection without a word, and take none until `mend`. */
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
      // Trust is limited to certificates of this very key: everything else is checked as ever.
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

/** Give the exchange's upstreams these faults, and no others: `tools/simulator/faults.py`. */
export async function setFaults(faults: Readonly<Record<string, object>>): Promise<void> {
  const all = { ...Object.fromEntries(UPSTREAMS.map((name) => [name, {}])), ...faults };
  const answer = await fetch(`${STACK.exchange}/control/faults`, { method: "POST", body: JSON.stringify(all) });
  expect(answer.status, await answer.text()).toBe(200);
}

export const UPSTREAMS = ["binance", "kraken", "ndax", "coinbase", "coingecko", "bank_of_canada", "er_api"] as const;

/** What the feed answers to a request over a connection of its own; numbers are texts. */
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
