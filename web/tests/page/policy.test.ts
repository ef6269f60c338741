/** The deployed Content-Security-Policy: the page keeps to it (each test checks that), and the browser enforces it. */

import { describe, expect } from "vitest";
import { CHROMIUM, it, REFUSED, TIMEOUT_MS } from "./browser.ts";

const BLANK = "data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw==";

describe.skipIf(!CHROMIUM)("the policy", { timeout: TIMEOUT_MS }, () => {
  it("refuses and reports inline code and other origins", async ({ site, visit }) => {
    const page = await visit.open();
    const foreign = site.url.replace("127.0.0.1", "localhost");
    const before = site.connections;
    await page.evaluate(
      async ([elsewhere, blank]) => {
        const script = document.createElement("script");
        script.textContent = "document.title = 'injected'";
        const image = document.createElement("img");
        image.src = blank;
        document.body.append(script, image);
        document.body.setAttribute("style", "display: none");
        new WebSocket(elsewhere.replace("http:", "ws:"));
        await fetch(elsewhere).catch(() => undefined);
      },
      [foreign, BLANK] as const,
    );
    const refused = () => visit.errors.filter((error) => error.startsWith(REFUSED)).toSorted();
    await expect
      .poll(refused)
      .toEqual([
        `${REFUSED} connect-src ${foreign}`,
        `${REFUSED} connect-src ${foreign.replace("http:", "ws:")}`,
        `${REFUSED} img-src data`,
        `${REFUSED} script-src-elem inline`,
        `${REFUSED} style-src-attr inline`,
      ]);
    expect(await page.title()).not.toBe("injected");
    expect(await page.locator("body").isVisible()).toBe(true);
    expect(site.connections).toBe(before);
    visit.errors.length = 0;
  });
});
