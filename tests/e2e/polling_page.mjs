// The page in a real browser: a line for each state that it shows, while it shows prices. It ends with its input.
//
//   node polling_page.mjs localhost:8000

import { launch } from "../../tools/browser/browser.ts";

const browser = await launch();
process.stdin.resume().once("end", () => void browser.close().then(() => process.exit()));
const page = await browser.newPage();
await page.exposeFunction("tell", (kind) => console.log(kind));
await page.goto(`http://${process.argv[2]}/`);
console.log("open");
await page.evaluate(() => {
  let told;
  setInterval(() => {
    const { kind } = document.getElementById("state").dataset;
    const prices = document.querySelectorAll("td.spot:not(:empty)").length;
    if (kind === told || prices <= 50) return;
    told = kind;
    window.tell(kind);
  }, 100);
});
