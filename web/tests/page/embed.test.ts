/** The widget in a frame of another site, in a real Chromium. */

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect } from "vitest";
import type { Browser, Page } from "./browser.ts";
import { it as base, CHROMIUM, REFUSED, TIMEOUT_MS } from "./browser.ts";
import type { Built } from "./site.ts";
import { built } from "./site.ts";

const it = base.extend<{ from: Built }>({
  from: [async ({}, use) => use(await built("production", "embed", "embed-fr")), { scope: "file" }],
});
/** The browser keeps a document for a second. */
const KEPT_MS = 1100;

/** The site that shows the widget, on an origin of its own. */
async function framed(browser: Browser, address: string, play: (page: Page) => Promise<void>): Promise<void> {
  const server = createServer((_, response) => {
    response
      .setHeader("Content-Type", "text/html")
      .end(`<title>Elsewhere</title><iframe title="Prices" src="${address}" width="320" height="144"></iframe>`);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const context = await browser.newContext();
  try {
    const page = await context.newPage();
    await page.goto(`http://localhost:${(server.address() as AddressInfo).port}/`);
    await play(page);
  } finally {
    await context.close();
    server.closeAllConnections();
    server.close();
  }
}

describe.skipIf(!CHROMIUM)("the widget", { timeout: TIMEOUT_MS }, () => {
  it("shows its assets' prices on another site, in their order", async ({ browser, site }) => {
    site.hasDocuments = true;
    site.market.stale.add("ETH_CAD");
    await framed(browser, `${site.url}embed?symbols=ETH_CAD,SOL_CAD,NONE_CAD`, async (page) => {
      const frame = page.frameLocator("iframe");
      await expect.poll(() => frame.locator("#state").textContent()).toBe("Simulated prices, not live ones");
      const rows = await frame.locator("#quotes tr").allTextContents();
      expect(rows.map((text) => text.replace(/[\d.,]+/g, "9"))).toEqual([
        expect.stringMatching(/^ETH9[+−]9%$/),
        expect.stringMatching(/^SOL9[+−]9%$/),
        "NONEno such asset",
      ]);
      const spot = site.market.spotOf("SOL_CAD");
      expect(await frame.locator("#quotes tr:nth-child(2) td").first().getAttribute("title")).toBe(`${spot} CAD`);
      expect(await frame.locator("tr.stale").allTextContents()).toHaveLength(1);
      expect(site.connections).toBe(0);
      // The README says how high a frame has to be.
      const height = await frame.locator("html").evaluate((html) => html.getBoundingClientRect().height);
      expect(height).toBeLessThanOrEqual(3 * 33 + 45);
      expect(height).toBeGreaterThan(3 * 33 + 35);
    });
  });

  it("asks again after ten seconds and says when prices are old", async ({ browser, site }) => {
    site.hasDocuments = true;
    const context = await browser.newContext({ viewport: { width: 360, height: 180 } });
    const page = await context.newPage();
    await page.clock.install();
    await page.goto(`${site.url}embed?symbols=BTC_CAD`);
    const state = page.locator("#state");
    await expect.poll(() => state.textContent()).toContain("Simulated");
    const before = await page.locator("#quotes td").first().textContent();
    site.tick();
    await page.waitForTimeout(KEPT_MS);
    await page.clock.runFor(10_500);
    await expect.poll(() => page.locator("#quotes td").first().textContent()).not.toBe(before);
    site.hasDocuments = false;
    await page.waitForTimeout(KEPT_MS);
    const later = async () => {
      await page.clock.runFor(5000);
      return await state.textContent();
    };
    await expect.poll(later, { timeout: 20_000 }).toMatch(/^Simulated prices, \d+s old$/);
    expect(await page.locator("body.out-of-date").count()).toBe(1);
    site.hasDocuments = true;
    await expect.poll(later, { timeout: 20_000 }).toContain("Simulated");
    await context.close();
  });

  it("asks for nothing while nobody sees it", async ({ browser, site }) => {
    site.hasDocuments = true;
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.addInitScript("Object.defineProperty(document, 'hidden', { get: () => globalThis.unseen ?? true })");
    const asked: string[] = [];
    page.on("request", (request) => asked.push(request.url()));
    await page.goto(`${site.url}embed?symbols=BTC_CAD`);
    await page.waitForTimeout(300);
    expect(asked.filter((url) => url.includes("/markets/"))).toEqual([]);
    await page.evaluate("globalThis.unseen = false; document.dispatchEvent(new Event('visibilitychange'))");
    await expect.poll(() => page.locator("#state").textContent()).toContain("Simulated");
    await context.close();
  });

  it.for([
    ["light", {}],
    ["dark", { colorScheme: "dark" }],
  ] as const)(
    "has no accessibility violations, and nothing is cut off: %s",
    async ([name, options], { site, visit }) => {
      site.hasDocuments = true;
      const page = await visit.load("embed?symbols=BTC_CAD,SHIB_CAD,NONE_CAD,BTC", {
        viewport: { width: 280, height: 180 },
        ...options,
      });
      await expect.poll(() => page.locator("#state").textContent()).toContain("BTC is not a symbol");
      expect(await visit.violations(`widget ${name}`)).toEqual([]);
      expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);
      expect(await page.locator("td").evaluateAll((all) => all.every((td) => td.scrollWidth <= td.clientWidth))).toBe(
        true,
      );
    },
  );

  it("speaks the reader's language", async ({ site, visit }) => {
    site.hasDocuments = true;
    const page = await visit.load("embed?symbols=SOL_CAD,NONE_CAD", {
      locale: "fr-CA",
      viewport: { width: 320, height: 120 },
    });
    await expect.poll(() => page.locator("#state").textContent()).toBe("Prix simulés, non réels");
    expect(await page.locator("td").allTextContents()).toEqual([
      expect.stringMatching(/^[\d\u00a0]+,\d+$/),
      expect.stringMatching(/^[+−]\d+,\d\d\u00a0%$/),
      "actif inconnu",
      "",
    ]);
    expect(await visit.violations("widget French")).toEqual([]);
  });

  it("says what is wrong with its address", async ({ visit }) => {
    const page = await visit.load("embed");
    await expect.poll(() => page.locator("#state").textContent()).toContain("add ?symbols=");
  });

  it("is the only page that another site may show", async ({ browser, site }) => {
    await framed(browser, site.url, async (page) => {
      const frame = page.frames().find((each) => each !== page.mainFrame());
      await expect.poll(() => frame?.url()).toMatch(/^chrome-error:/);
    });
    expect(site.connections).toBe(0);
  });

  it("has a policy of its own, which refuses inline code", async ({ site, visit }) => {
    site.hasDocuments = true;
    const page = await visit.load("embed?symbols=BTC_CAD");
    await page.evaluate(() => {
      const script = document.createElement("script");
      script.textContent = "document.title = 'injected'";
      document.body.append(script);
    });
    const refused = () => visit.errors.filter((error) => error.startsWith(REFUSED));
    await expect.poll(refused).toEqual([`${REFUSED} script-src-elem inline`]);
    expect(await page.title()).not.toBe("injected");
    visit.errors.length = 0;
  });
});
