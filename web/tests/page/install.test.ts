/** The page is installed, and opened without a network, in a real Chromium. */

import { describe, expect } from "vitest";
import { it as base, CHROMIUM, TIMEOUT_MS } from "./browser.ts";
import type { Built } from "./site.ts";
import { onDisk } from "./site.ts";

// The worker keeps the files that the build has written.
const it = base.extend<{ from: Built }>({ from: [async ({}, use) => use(onDisk()), { scope: "file" }] });
const WORKER = { serviceWorkers: "allow" } as const;
const IS_KEPT = () => navigator.serviceWorker.ready.then(() => Boolean(navigator.serviceWorker.controller));

describe.skipIf(!CHROMIUM)("the page that is kept", { timeout: TIMEOUT_MS }, () => {
  it("opens without a network, says so, and shows no price", async ({ site, visit }) => {
    site.hasDocuments = true;
    const page = await visit.open("", WORKER);
    await expect.poll(() => page.evaluate(IS_KEPT)).toBe(true);
    const kept = await page.evaluate(async () => {
      const caches = await globalThis.caches.keys();
      const requests = await Promise.all(caches.map(async (name) => (await globalThis.caches.open(name)).keys()));
      return requests.flat().map(({ url }) => new URL(url).pathname);
    });
    expect(kept).toContain("/index.html");
    expect(kept.filter((path) => !/^\/(index\.html|assets\/[^/]+)$/.test(path))).toEqual([]);
    await page.context().setOffline(true);
    site.cut();
    await page.reload();
    await visit.is("offline");
    expect(await page.locator("#state").textContent()).toBe("Offline");
    expect(await page.locator("#quotes tr").count()).toBeGreaterThan(70);
    expect((await page.locator("td.spot").allTextContents()).join("")).not.toMatch(/\d/);
    expect(await visit.violations("offline from the start")).toEqual([]);
    for (const name of ["Settings", "Price alerts"]) {
      await page.getByRole("button", { name: "More", exact: true }).click();
      await page.getByRole("button", { name, exact: true }).click();
      await page.getByRole("dialog").waitFor();
      await page.keyboard.press("Escape");
    }
    await page.context().setOffline(false);
    await visit.is("live", 30_000);
    visit.errors.length = 0;
  });

  it("is kept in the language that it is in", async ({ visit }) => {
    const page = await visit.open("", { ...WORKER, locale: "fr-CA" });
    await expect.poll(() => page.evaluate(IS_KEPT)).toBe(true);
    expect(await page.evaluate(() => navigator.serviceWorker.controller?.scriptURL)).toMatch(/worker\.js\?lang=fr$/);
    expect(await page.evaluate(async () => Boolean(await caches.match("/fr.html", { ignoreSearch: true })))).toBe(true);
  });

  it("comes from the network where there is one, so a new version shows at once", async ({ from, visit }) => {
    const page = await visit.open("", WORKER);
    await expect.poll(() => page.evaluate(IS_KEPT)).toBe(true);
    const index = String(from.files.get("index.html"));
    (from.files as Map<string, string>).set("index.html", index.replace("<title>", "<title>new: "));
    await page.reload();
    expect(await page.title()).toContain("new: ");
    await visit.is("live");
    (from.files as Map<string, string>).set("index.html", index);
  });

  it("has what a browser needs to install it", async ({ site, visit }) => {
    const page = await visit.open("", WORKER);
    await expect.poll(() => page.evaluate(IS_KEPT)).toBe(true);
    const session = await page.context().newCDPSession(page);
    const { errors, data = "{}", url } = await session.send("Page.getAppManifest");
    expect(errors).toEqual([]);
    expect(url).toBe(`${site.url}manifest.json`);
    const { installabilityErrors } = await session.send("Page.getInstallabilityErrors");
    // A test's window is always such a one.
    expect(installabilityErrors.filter(({ errorId }) => errorId !== "in-incognito")).toEqual([]);
    for (const { src, sizes } of (JSON.parse(data) as { icons: { src: string; sizes: string }[] }).icons) {
      const size = await page.evaluate(async (address) => {
        const bitmap = await createImageBitmap(await (await fetch(address)).blob());
        return `${bitmap.width}x${bitmap.height}`;
      }, src);
      expect(size).toBe(sizes);
    }
  });
});
