/** A visit to the page in a real Chromium. Each test gets a visit to a site of its own. */

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import type axe from "axe-core";
import { expect, test } from "vitest";
import { found, launch, launchFirefox } from "../../../tools/browser/browser.ts";
import type { Browser, BrowserContextOptions, Page } from "../../../tools/node_modules/playwright-core/types/types.js";
import type { Built } from "./site.ts";
import { built, Site } from "./site.ts";

export const CHROMIUM = found();
/** The tests run in Firefox. It takes no key for a certificate, so it trusts any there. */
export const IN_FIREFOX = process.env["CADFEED_BROWSER"] === "firefox";
export const TIMEOUT_MS = 60_000;
/** A Lambda may have to start first. */
const FIRST_ANSWER_MS = 30_000;
export const DESKTOP = { width: 1360, height: 860 };
export const PHONE = { width: 390, height: 844 };
export const REFUSED = "refused by the policy:";
/** Rows that differ from those above them in their texts only: to check each would take most of the tests' time. */
const ALIKE = ["#quotes tr:nth-child(n + 10):not(.stale, .priceless)"];
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const PICTURES = new URL("../../../.local/page/", import.meta.url);
const NO_CONNECTION = /WebSocket connection to|(?:a connection to the server at|The connection to) wss?:/;
/** In Firefox the page's policy holds for the tools that look at the page, too: they add a style of their own. */
const OWN_STYLE = /style-src-elem inline|blocked an inline style/;
const WATCH_REFUSALS = `
  addEventListener("securitypolicyviolation", ({ effectiveDirective, blockedURI }) => console.error("${REFUSED}", effectiveDirective, blockedURI));
`;

/** The site that is visited. */
export interface Served {
  readonly url: string;
  /** The number of the feed's next tick; `drawn` is the one that the page shows. */
  next(drawn: number): number;
}

interface Opening extends BrowserContextOptions {
  /** The test controls the page's clock, which begins at this time. */
  readonly clockFrom?: number;
  /** A script that runs before the page's own. */
  readonly script?: string;
  /** The state of the page with its first prices, if not `live`. */
  readonly kind?: string;
}

export class Visit {
  /** Errors of the page, and what its policy refused. */
  readonly errors: string[] = [];
  readonly #browser: Browser;
  readonly #served: Served;
  #page: Page | undefined;

  constructor(browser: Browser, served: Served) {
    [this.#browser, this.#served] = [browser, served];
  }

  get page(): Page {
    if (!this.#page) throw new Error("no page is open");
    return this.#page;
  }

  /** Open the page, and wait until it has drawn the first prices and one tick. */
  async open(query = "", { kind = "live", ...opening }: Opening = {}): Promise<Page> {
    const page = await this.load(query, opening);
    await this.is(kind, FIRST_ANSWER_MS);
    // A working feed ticks.
    if (kind === "live") await this.tick();
    return page;
  }

  /** Open an address of the site. */
  async load(address: string, { clockFrom, script = "", ...options }: Omit<Opening, "kind"> = {}): Promise<Page> {
    // A worker would load every file of the page at each test.
    const context = await this.#browser.newContext({
      viewport: DESKTOP,
      serviceWorkers: "block",
      ignoreHTTPSErrors: IN_FIREFOX,
      ...options,
    });
    const page = await context.newPage();
    this.#page = page;
    page.on("pageerror", (error) => this.errors.push(String(error)));
    page.on("console", (message) => {
      const { url } = message.location();
      // The browser itself reports what does not come over a network that is cut, as it does connections.
      const isFallback = /\/(?:markets\/rates\.json|assets\/polling-[^/]+)$/.test(url);
      if (message.type() === "error" && !isFallback) this.errors.push(message.text());
    });
    // Firefox cannot be told to prefer a scheme; there the page's own setting chooses it.
    const theme =
      IN_FIREFOX && options.colorScheme === "dark"
        ? "if (location.host) localStorage.setItem('cadfeed.setup', 'theme=dark');"
        : "";
    await page.addInitScript(WATCH_REFUSALS + theme + script);
    if (clockFrom !== undefined) await page.clock.install({ time: clockFrom });
    await page.goto(this.#served.url + address);
    return page;
  }

  /** Wait until the page shows this state of the feed. */
  async is(kind: string, timeout = 5000): Promise<void> {
    await this.page.locator(`#state[data-kind="${kind}"]`).waitFor({ timeout });
  }

  /** Wait until the feed's next tick is drawn. */
  async tick(): Promise<void> {
    const seq = () => this.page.evaluate(() => Number(document.getElementById("quotes")?.dataset["seq"] ?? 0));
    const next = this.#served.next(await seq());
    await this.page.waitForFunction(
      (wanted) => Number(document.getElementById("quotes")?.dataset["seq"]) >= wanted,
      next,
    );
    await this.page.evaluate(
      () => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))),
    );
  }

  /** The visible symbols, in their order. */
  shown(): Promise<string[]> {
    const rows = this.page.locator("#quotes tr:not([hidden])");
    return rows.evaluateAll((all) => all.map((row) => (row as HTMLElement).dataset["symbol"] ?? ""));
  }

  query(): Promise<string> {
    return this.page.evaluate(() => location.search);
  }

  /** The numbers in a column, from top to bottom. */
  async numbers(column: string): Promise<number[]> {
    const texts = await this.page.locator(`#quotes td.${column}`).allTextContents();
    return texts.map((text) => Number(text.replace("−", "-").replace(/[,%+]/g, "")));
  }

  /** The element with the focus: its ID or its name, and its row's symbol. */
  focused(): Promise<string> {
    return this.page.evaluate(() => {
      const { activeElement: at } = document;
      const name = at?.id || at?.getAttribute("aria-label") || at?.className || at?.textContent || "";
      return [at?.closest("tr")?.dataset["symbol"], name].filter(Boolean).join(" ").replaceAll("\u00a0", " ");
    });
  }

  /** The violations of axe-core's accessibility rules; a screenshot is stored in `.local/page/`. */
  async violations(name: string): Promise<string[]> {
    await this.page.screenshot({ path: fileURLToPath(new URL(`${name.replaceAll(/\W+/g, "-")}.png`, PICTURES)) });
    // Through the browser's debugging protocol, so that the page's policy stays as it is.
    await this.page.evaluate(AXE);
    const { violations } = await this.page.evaluate(
      (exclude) => (window as unknown as { axe: typeof axe }).axe.run({ exclude }, { resultTypes: ["violations"] }),
      ALIKE,
    );
    return violations.map(
      ({ id, nodes }) =>
        `${id}: ${nodes
          .map(({ html }) => html)
          .slice(0, 3)
          .join(" ")}`,
    );
  }

  async end(): Promise<void> {
    await this.#page?.context().close();
    // The browser itself reports failed connections, whatever the page does.
    const known = IN_FIREFOX ? [NO_CONNECTION, OWN_STYLE] : [NO_CONNECTION];
    expect(this.errors.filter((error) => !known.some((pattern) => pattern.test(error)))).toEqual([]);
  }
}

interface Given {
  readonly browser: Browser;
  readonly from: Built;
  readonly site: Site;
  readonly visit: Visit;
}

export type { Browser, Page };

export const it = test.extend<Given>({
  browser: [
    async ({}, use) => {
      const browser = await launched();
      await use(browser);
      await browser.close();
    },
    { scope: "file" },
  ],
  from: [async ({}, use) => use(await built()), { scope: "file" }],
  site: async ({ from }, use) => {
    const site = new Site(from);
    await site.start();
    await use(site);
    await site.stop();
  },
  visit: async ({ browser, site }, use) => {
    const visit = new Visit(browser, site);
    await use(visit);
    await visit.end();
  },
});

/** Chromium with these arguments, or Firefox. */
export function launched(args: string[] = []): Promise<Browser> {
  return IN_FIREFOX ? launchFirefox() : launch({ args });
}
