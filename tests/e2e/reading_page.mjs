// A page of another origin that reads documents, in a real browser.
//
//   node reading_page.mjs https://localhost:8000/

import { createServer } from "node:http";
import { launch } from "../../tools/browser/browser.ts";

const address = process.argv[2];
const server = createServer((_, answer) => {
  answer.setHeader("Content-Type", "text/html");
  answer.end("<!doctype html><title>somewhere else</title>");
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));

const browser = await launch();
const page = await browser.newPage({ ignoreHTTPSErrors: true }); // the local CA is trusted nowhere here
await page.goto(`http://127.0.0.1:${server.address().port}/`);
const told = await page.evaluate(async (address) => {
  const rates = await fetch(`${address}markets/rates.json`, { cache: "no-store" });
  const coins = await fetch(`${address}api/coins/`, { cache: "no-store" });
  const etag = rates.headers.get("ETag");
  const again = await fetch(`${address}markets/rates.json`, {
    cache: "no-store",
    headers: { "If-None-Match": "*" },
  });
  const posted = await fetch(`${address}markets/rates.json`, { method: "POST", body: "x" });
  return {
    rates: (await rates.json()).data.length,
    coins: (await coins.json()).length,
    etag: Boolean(etag),
    again: again.status,
    posted: posted.status,
  };
}, address);
console.log(JSON.stringify(told));
await browser.close();
server.close();
