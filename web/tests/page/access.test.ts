/** The built page in a real Chromium: everyone can use it, whatever the feed does. */

import { describe, expect } from "vitest";
import type { Page } from "./browser.ts";
import { CHROMIUM, DESKTOP, it, PHONE, TIMEOUT_MS } from "./browser.ts";
import { SYMBOLS } from "./market.ts";

/** The buttons of the biggest gains and losses. */
const DAY = ["first", "second", "third"].flatMap((place) => [`${place} gain`, `${place} loss`]);
const HEADERS = ["Asset", "Spot", "Bid", "Ask", "Spread", "24 h change", "24 h %", "Trend", "Age", "Source"];
/** A feed whose pace is not yet known is quiet after 35 s; the client pings it after 37 s. */
const QUIET_MS = 36_000;
const LOST_MS = 3_000;

describe.skipIf(!CHROMIUM)("everyone can use the page", { timeout: TIMEOUT_MS }, () => {
  it.for([
    ["200 % zoom", "", { viewport: { width: DESKTOP.width / 2, height: DESKTOP.height / 2 }, deviceScaleFactor: 2 }],
    ["a small phone", "", { viewport: { width: 320, height: 568 } }],
    ["an empty filter", "?filter=there-is-none", {}],
    ["no favourites", "?favourites=1", { colorScheme: "dark" }],
    ["sorted", "?sort=percent", {}],
    ["sorted on a dark phone", "?sort=spot", { viewport: PHONE, colorScheme: "dark" }],
  ] as const)("has no accessibility violations: %s", async ([name, search, options], { site, visit }) => {
    site.market.stale.add("ETH_CAD");
    site.market.unavailable.add("LTC_CAD");
    const page = await visit.open(search, options);
    expect(await visit.violations(name)).toEqual([]);
    expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);
  });

  it.for([
    ["light", {}],
    ["dark", { colorScheme: "dark" }],
    ["phone", { viewport: PHONE }],
  ] as const)(
    "has no accessibility violations, live, silent, offline and reconnecting: %s",
    async ([name, options], { site, visit }) => {
      site.market.stale.add("ETH_CAD");
      site.market.unavailable.add("LTC_CAD");
      const page = await visit.open("", { ...options, clockFrom: Date.now() });
      const isWell = async (state: string, outOfDate: boolean) => {
        await visit.is(state);
        expect(await page.locator("body.out-of-date").count(), state).toBe(Number(outOfDate));
        expect(await visit.violations(`${name} ${state}`), state).toEqual([]);
      };
      await isWell("live", false);
      await page.clock.fastForward(QUIET_MS);
      await isWell("quiet", true);
      await page.context().setOffline(true);
      await isWell("offline", true);
      site.isFull = true;
      site.cut();
      await page.context().setOffline(false);
      await visit.is("reconnecting");
      await page.clock.fastForward(LOST_MS);
      await isWell("reconnecting", true);
    },
  );

  it.for([
    ["a desktop", {}, HEADERS.length - 1],
    ["a phone", { viewport: PHONE }, 3],
  ] as const)("has all rows in the accessibility tree, in view or not: %s", async ([, options, columns], { visit }) => {
    const page = await visit.open("", options);
    await expect.poll(() => page.locator("td.spot:not(:empty)").count()).toBe(SYMBOLS.length);
    const session = await page.context().newCDPSession(page);
    const { nodes } = await session.send("Accessibility.getFullAXTree");
    const seen = nodes.filter(({ ignored }) => !ignored).map(({ role }) => String(role?.value));
    expect(seen.filter((role) => role === "rowheader")).toHaveLength(SYMBOLS.length);
    expect(seen.filter((role) => /^(?:grid)?cell$/.test(role))).toHaveLength(SYMBOLS.length * columns);
  });

  it("moves the focus to no row under what stays at the top", async ({ visit }) => {
    for (const viewport of [DESKTOP, PHONE]) {
      const page = await visit.open("", { viewport });
      await page.evaluate(() => scrollTo(0, 900));
      await page.evaluate(() => {
        const buttons = [...document.querySelectorAll<HTMLElement>(".open")];
        buttons.find((button) => button.getBoundingClientRect().top > 150)?.focus({ preventScroll: true });
      });
      for (let step = 0; step < 6; step += 1) {
        await page.keyboard.press("ArrowUp");
        const covered = await page.evaluate(() => {
          const { left, top } = document.activeElement?.getBoundingClientRect() ?? { left: 0, top: 0 };
          return !document.activeElement?.contains(document.elementFromPoint(left + 5, top + 5));
        });
        expect(covered, `step ${step}`).toBe(false);
      }
    }
  });

  it("works with the keyboard alone", async ({ visit }) => {
    const page = await visit.open();
    await page.locator("#losses button:visible").first().waitFor();
    const stops: string[] = [];
    for (const _ of ["filter", "favourites", "more", ...DAY, ...HEADERS, "star", "open", "explain"]) {
      await page.keyboard.press("Tab");
      stops.push(await visit.focused());
      expect(
        await page.evaluate(() => getComputedStyle(document.activeElement as Element).outlineStyle),
        stops.at(-1),
      ).toBe("solid");
    }
    expect(stops.splice(3, DAY.length).every((text) => /^\w+ [+−][\d.]+%$/.test(text))).toBe(true);
    const row = ["BTC_CAD Favourite BTC", "BTC_CAD open", "BTC_CAD explain"];
    expect(stops).toEqual(["filter", "favourites", "more", ...HEADERS, ...row]);
    await page.keyboard.press("Enter");
    await page.locator("dialog.why[open]").waitFor();
    await page.keyboard.press("Escape");
    await page.locator("dialog[open]").waitFor({ state: "detached" });
    expect(await visit.focused()).toBe("BTC_CAD explain");
    await pressed(page, "ArrowDown", "ArrowUp");
    expect(await visit.focused()).toBe("BTC_CAD explain");
    await pressed(page, "Shift+Tab", "Enter");
    await page.locator("dialog[open]").waitFor();
    await page.keyboard.press("Escape");
    await page.locator("dialog[open]").waitFor({ state: "detached" });
    expect(await visit.focused()).toBe("BTC_CAD open");
    await pressed(page, "ArrowDown", "ArrowDown", "ArrowUp", "Shift+Tab");
    expect(await visit.focused()).toBe("ETH_CAD Favourite ETH");
    await pressed(page, "Space", "/");
    await page.keyboard.type("there is none");
    expect(await visit.shown()).toEqual([]);
    await pressed(page, "Tab", ...["more", ...DAY, ...HEADERS].map(() => "Tab"), "Tab");
    expect(await visit.focused()).toBe("clear");
    await page.keyboard.press("Enter");
    expect(await visit.shown()).toEqual(["ETH_CAD", ...SYMBOLS.filter((symbol) => symbol !== "ETH_CAD")]);
    expect(await visit.focused()).toBe("filter");
    await pressed(page, "Tab", "Space");
    expect(await visit.shown()).toEqual(["ETH_CAD"]);
  });

  it("leaves the focus where users put it while a chart closes", async ({ visit }) => {
    const page = await visit.open("?symbol=BTC_CAD");
    await page.locator("dialog[open]").waitFor();
    await page.locator("dialog").evaluate((dialog: HTMLDialogElement) => {
      const closed = new Promise((resolve) => dialog.addEventListener("close", resolve));
      dialog.close();
      document.querySelector<HTMLElement>("#filter")?.focus();
      return closed;
    });
    expect(await visit.focused()).toBe("filter");
  });

  it("is sorted with the keyboard alone if there are no headers", async ({ visit }) => {
    const page = await visit.open("", { viewport: PHONE });
    await page.locator("#losses button:visible").first().waitFor();
    await pressed(page, "Tab", "Tab", "Tab", "Tab", "ArrowDown", "ArrowDown");
    expect(await visit.focused()).toBe("sort");
    expect(await visit.query()).toBe("?sort=spot");
    await pressed(page, "Tab", "Enter");
    expect(await visit.focused()).toBe("reverse");
    expect(await visit.query()).toBe("?sort=spot&order=asc");
    await pressed(page, "Tab", ...DAY.map(() => "Tab"));
    expect(await visit.focused()).toMatch(/^\w+_CAD Favourite \w+$/);
  });

  it("moves nothing for users who want no motion", async ({ visit }) => {
    const page = await visit.open("", { reducedMotion: "reduce" });
    await page.evaluate(() => {
      const moved: string[] = [];
      Object.assign(window, { moved });
      for (const kind of ["animationstart", "transitionrun"]) {
        document.addEventListener(kind, ({ target }) => moved.push(`${kind} ${(target as Element).className}`));
      }
    });
    await visit.tick();
    await page.getByRole("button", { name: "Favourite ETH", exact: true }).click();
    await page.locator('th[data-column="percent"] button').click();
    await page.locator('tr[data-symbol="ETH_CAD"] .open').click();
    await page.locator("dialog[open] .chart-state[hidden]").waitFor({ state: "attached" });
    await page.getByLabel("1 hour").press("Space");
    await page.locator("dialog[open] .chart-state[hidden]").waitFor({ state: "attached" });
    await visit.tick();
    expect(await page.evaluate(() => document.getAnimations().length)).toBe(0);
    expect(await page.evaluate(() => (window as unknown as { moved: string[] }).moved)).toEqual([]);
  });

  it("has two live regions, which no tick changes", async ({ visit }) => {
    const page = await visit.open();
    await page.locator("#announcer").filter({ hasText: "Live." }).waitFor({ state: "attached" });
    expect(await liveRegions(page)).toEqual(["announcer", "told"]);
    await page.evaluate(() => {
      const said: string[] = [];
      Object.assign(window, { said });
      const announcer = document.getElementById("announcer") as Node;
      new MutationObserver(() => said.push(announcer.textContent ?? "")).observe(announcer, {
        subtree: true,
        childList: true,
        characterData: true,
      });
    });
    for (let tick = 0; tick < 5; tick += 1) await visit.tick();
    await page.locator("#filter").fill("ether");
    await page.locator("#announcer").filter({ hasText: "of" }).waitFor({ state: "attached" });
    expect(await page.evaluate(() => (window as unknown as { said: string[] }).said)).toEqual([
      await page.locator("#count").textContent(),
    ]);
  });
});

async function pressed(page: Page, ...keys: string[]): Promise<void> {
  for (const key of keys) await page.keyboard.press(key);
}

/** The IDs of the live regions in the browser's accessibility tree. */
async function liveRegions(page: Page): Promise<string[]> {
  const protocol = await page.context().newCDPSession(page);
  const { nodes } = await protocol.send("Accessibility.getFullAXTree");
  const live = nodes.filter(({ properties }) =>
    properties?.some(({ name, value }) => name === "live" && value.value !== "off"),
  );
  const described = live.map(({ backendDOMNodeId = 0 }) =>
    protocol.send("DOM.describeNode", { backendNodeId: backendDOMNodeId }),
  );
  return (await Promise.all(described)).map(
    ({ node: { attributes = [] } }) => attributes[attributes.indexOf("id") + 1] ?? "",
  );
}
