// The WebSocket of a browser, in a page of the feed's own origin: PAGE URL MESSAGE... It always offers
// compression. It ignores certificates: a browser's trust is a setting of the machine, which tests do not change.
import { launch } from "../../../tools/browser/browser.ts";

const [page_url, url, ...messages] = process.argv.slice(2);

const browser = await launch();
const page = await (await browser.newContext({ ignoreHTTPSErrors: true })).newPage();
await page.exposeFunction("heard", (frame) => console.log(frame));
await page.goto(page_url);
await page.evaluate(
  ([url, messages]) => {
    const socket = new WebSocket(url);
    socket.onopen = () => messages.forEach((message) => socket.send(message));
    socket.onmessage = ({ data }) => window.heard(data);
  },
  [url, messages],
);
