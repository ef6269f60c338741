// A page of another origin, in a real browser, that sends whatever a page may send without asking first.
//
//   node foreign_page.mjs '{"urls":["http://127.0.0.1:4566/?Action=..."],"body":"{}"}'

import { createServer } from "node:http";
import { launch } from "../../tools/browser/browser.ts";

const { urls, body } = JSON.parse(process.argv[2]);
const server = createServer((_, answer) => {
  answer.setHeader("Content-Type", "text/html");
  answer.end("<!doctype html><title>somewhere else</title>");
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));

const browser = await launch();
const page = await browser.newPage();
await page.goto(`http://127.0.0.1:${server.address().port}/`);
const tried = await page.evaluate(
  async ({ urls, body }) => {
    const later = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
    const seen = [];
    for (const url of urls) {
      for (const method of ["GET", "POST"]) {
        const request = { method, mode: "no-cors", headers: { "Content-Type": "text/plain" } };
        if (method === "POST") request.body = body;
        seen.push(await fetch(url, request).then((answer) => answer.type, String));
      }
      seen.push(
        await fetch(url, { headers: { "X-Visitor-Origin": "https://localhost" } }).then(
          (answer) => answer.type,
          String,
        ),
      );
      const image = new Image();
      image.src = url;
      const frame = document.createElement("iframe");
      frame.name = `frame-${seen.length}`;
      const form = document.createElement("form");
      Object.assign(form, { method: "post", action: url, target: frame.name, enctype: "text/plain" });
      document.body.append(image, frame, form);
      form.submit();
      const socket = new WebSocket(url.replace("http", "ws"));
      seen.push(
        await new Promise((resolve) => {
          socket.onopen = () => resolve("open");
          socket.onerror = () => resolve("refused");
        }),
      );
      await later(300);
    }
    return seen;
  },
  { urls, body },
);
// A link that the visitor follows, too.
for (const url of urls) await (await browser.newPage()).goto(url).catch(String);
console.log(JSON.stringify(tried));
await browser.close();
server.close();
