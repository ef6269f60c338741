// A real browser on the page, for tests: for each line on stdin it prints what the page shows as a line of JSON.
//
//   node browser.mjs '{"url":"https://localhost:8000/","spki":"...","screenshot":"page.png"}'

import { createInterface } from "node:readline";
import { launch } from "../../tools/browser/browser.ts";

const options = JSON.parse(process.argv[2]);

const browser = await launch({
  // It trusts only certificates of this key; all other checks stay on.
  args: [`--ignore-certificate-errors-spki-list=${options.spki}`],
});
// All rows are in view: those that are not are drawn later.
const page = await browser.newPage({ viewport: { width: 1280, height: 3000 } });
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
    // A cell gets its title when the mouse is over it.
    const titleOf = (cell) => {
      cell.dispatchEvent(new PointerEvent("pointerover", { bubbles: true }));
      return cell.title;
    };
    const each = (row, said) => Object.fromEntries(cells(row).map(([name, cell]) => [name, said(cell)]));
    const read = () => ({
      address: location.href,
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
    // Titles show a frame at once, the rest with the next animation frame: ignore a tick in between.
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
