// The WebSocket of a browser, in a page of the feed's own origin: BROWSER PAGE URL MESSAGE... It always offers
// compression. Certificates are not looked at: a browser's trust is a setting of the machine, which a test leaves alone.
const { chromium } = require("playwright-core");

const [executablePath, page_url, url, ...messages] = process.argv.slice(2);

async function main() {
  const browser = await chromium.launch({ executablePath });
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
}

main();
