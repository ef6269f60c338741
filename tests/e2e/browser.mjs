// A real browser on the page, for a test: a line of JSON with what it shows for each line on stdin, until that ends.
//
//   node browser.mjs '{"url":"https://localhost:8000/","chromium":"/usr/bin/chromium","spki":"...","screenshot":"page.png"}'

import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const { chromium } = createRequire(new URL("../../tools/package.json", import.meta.url))("playwright-core");
const options = JSON.parse(process.argv[2]);

const browser = await chromium.launch({
  executablePath: options.chromium,
  // Trust is limited to certificates of this very key: everything else is checked as ever.
  args: [`--ignore-certificate-errors-spki-list=${options.spki}`],
});
const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
const errors = [];
page.on("pageerror", (error) => errors.push(String(error)));
page.on("console", (message) => {
  if (message.type() === "error") errors.push(message.text());
});
await page.goto(options.url);

for await (const _ of createInterface({ input: process.stdin })) {
  const shown = await page.evaluate(async () => {
    const element = (id) => document.getElementById(id);
    const cells = (row) => [...row.querySelectorAll("td")].map((cell) => [cell.classList[0], cell]);
    // A cell has its title when it is pointed at.
    const titleOf = (cell) => {
      cell.dispatchEvent(new PointerEvent("pointerover", { bubbles: true }));
      return cell.title;
    };
    const each = (row, said) => Object.fromEntries(cells(row).map(([name, cell]) => [name, said(cell)]));
    const read = () => ({
      state: element("state").dataset.kind,
      label: element("state").textContent,
      detail: element("detail").textContent,
      announced: element("announcer").textContent,
      simulated: !element("simulated").hidden,
      outOfDate: document.body.classList.contains("out-of-date"),
      seq: Number(element("quotes").dataset.seq ?? 0),
      rows: [...element("quotes").rows].map((row) => ({
        symbol: row.dataset.symbol,
        isStale: row.classList.contains("stale"),
        texts: each(row, (cell) => cell.textContent),
        titles: each(row, titleOf),
      })),
    });
    // A frame is in the titles as soon as it has come, and in all else with the next picture: a tick in between does not count.
    const picture = () => new Promise((resolve) => requestAnimationFrame(resolve));
    let seen;
    do {
      seen = read();
      await picture();
    } while (seen.seq !== Number(element("quotes").dataset.seq ?? 0));
    return seen;
  });
  process.stdout.write(`${JSON.stringify({ ...shown, errors })}\n`);
}
await page.screenshot({ path: options.screenshot });
await browser.close();
