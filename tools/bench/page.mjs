// What the page takes in a real browser, for `tools/bench/page.py`: a line of JSON for each result on stdout, what goes on on stderr.
//
//   node page.mjs '{"url":"https://localhost:8000/","chromium":"/usr/bin/chromium","spki":"...","ticks":60,"loads":5,"minutes":5}'

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const { chromium } = createRequire(new URL("../package.json", import.meta.url))("playwright-core");
const PEER = readFileSync(new URL("page_peer.js", import.meta.url), "utf8");
const options = JSON.parse(process.argv[2]);
// What Lighthouse calls slow 4G, and its slowdown of the processor:
// https://github.com/GoogleChrome/lighthouse/blob/main/docs/throttling.md
const SLOW_4G = { offline: false, latency: 150, downloadThroughput: (1.6e6 / 8) * 0.9, uploadThroughput: (750e3 / 8) * 0.9 };
const SLOW_CPU = 4;
// Of a tick the frames come together; when they have been drawn, the browser is at rest until the next one.
const SETTLED_MS = 500;
const SETTLING_TICKS = 10;
const WATCH = `
  window.seen = { longTasks: [], shifts: [], refused: [], row: 0, price: 0 };
  new PerformanceObserver((list) => window.seen.longTasks.push(...list.getEntries().map(({ startTime, duration }) => [startTime, duration])))
    .observe({ type: "longtask", buffered: true });
  new PerformanceObserver((list) => list.getEntries().forEach(({ value, sources }) => {
    window.seen.shifts.push([value, ...sources.map(({ node }) => node?.id || node?.className || node?.nodeName)].join(" "));
  })).observe({ type: "layout-shift", buffered: true });
  document.addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) => window.seen.refused.push(violatedDirective + " " + blockedURI));
  (function look() {
    // What stands there at the beginning of a picture was in the one before.
    const spot = document.querySelector("#quotes td.spot");
    if (spot) window.seen.row ||= performance.now();
    if (/[0-9]/.test(spot?.textContent ?? "")) window.seen.price = performance.now();
    else requestAnimationFrame(look);
  })();
`;

const browser = await chromium.launch({
  executablePath: options.chromium,
  // Trust is limited to certificates of this very key: everything else is checked as ever.
  args: [`--ignore-certificate-errors-spki-list=${options.spki}`],
});
try {
  for (const script of ["peer", "page"]) tell({ what: "per tick", script, ...(await perTick(script)) });
  tell({ what: "per tick", script: "page, chart open", ...(await perTick("page", "BTC_CAD")) });
  // By now the feed's functions are warm.
  tell({ what: "first visits", ...(await firstVisits()) });
  tell({ what: "steady", ...(await steady()) });
} finally {
  await browser.close();
}

/** A page of its own, as on a first visit. */
async function visit(script) {
  const context = await browser.newContext({ viewport: { width: 1360, height: 860 } });
  const page = await context.newPage();
  const protocol = await context.newCDPSession(page);
  await page.addInitScript(WATCH);
  // The peer is the same page with another script.
  if (script === "peer") {
    await page.route("**/assets/index-*.js", (route) => route.fulfill({ body: PEER, contentType: "text/javascript" }));
  }
  return { context, page, protocol };
}

async function firstVisits() {
  const [row_ms, price_ms] = [[], []];
  for (let load = 0; load < options.loads; load++) {
    const { context, page, protocol } = await visit("page");
    await protocol.send("Network.enable");
    await protocol.send("Network.emulateNetworkConditions", SLOW_4G);
    await protocol.send("Emulation.setCPUThrottlingRate", { rate: SLOW_CPU });
    await page.goto(options.url, { waitUntil: "commit" });
    await page.waitForFunction(() => window.seen.price > 0, null, { polling: 200 });
    const { row, price } = await page.evaluate(() => window.seen);
    row_ms.push(row);
    price_ms.push(price);
    say(`first row after ${row.toFixed(0)} ms, its price after ${price.toFixed(0)} ms`);
    await context.close();
  }
  return { row_ms, price_ms };
}

/** Per tick how long scripts ran, and all that the page's thread did: layout and style as well. */
async function perTick(script, symbol) {
  const { context, page, protocol } = await visit(script);
  await page.goto(options.url + (symbol ? `?symbol=${symbol}` : ""));
  const ticks = ticksOf(protocol);
  await protocol.send("Network.enable");
  // The time that the page's thread had a core: what others on the machine take does not count.
  await protocol.send("Performance.enable", { timeDomain: "threadTicks" });
  const read = async () => {
    const { metrics } = await protocol.send("Performance.getMetrics");
    return Object.fromEntries(metrics.map(({ name, value }) => [name, value * 1000]));
  };
  for (let tick = 0; tick < SETTLING_TICKS; tick++) await ticks.next();
  const [script_ms, task_ms] = [[], []];
  let before = await read();
  for (let tick = 0; tick < options.ticks; tick++) {
    await ticks.next();
    const after = await read();
    script_ms.push(after.ScriptDuration - before.ScriptDuration);
    task_ms.push(after.TaskDuration - before.TaskDuration);
    before = after;
    if (tick % 10 === 9) say(`${script}${symbol ? ", chart open" : ""}: ${tick + 1} of ${options.ticks} ticks`);
  }
  await context.close();
  return { script_ms, task_ms };
}

/** Minutes with a chart open: what is left over, and whether a task was ever long. */
async function steady() {
  const { context, page, protocol } = await visit("page");
  await page.goto(`${options.url}?symbol=BTC_CAD`);
  const ticks = ticksOf(protocol);
  await protocol.send("Network.enable");
  await protocol.send("Performance.enable");
  const read = async () => {
    await protocol.send("HeapProfiler.collectGarbage");
    const { usedSize } = await protocol.send("Runtime.getHeapUsage");
    const { nodes, jsEventListeners } = await protocol.send("Memory.getDOMCounters");
    return { heap_mb: usedSize / 2 ** 20, nodes, listeners: jsEventListeners };
  };
  // All lines of the rows in sight have been asked for by then, and a candle has become final.
  for (let tick = 0; tick < 90; tick++) await ticks.next();
  const from = await page.evaluate(() => performance.now());
  const samples = [await read()];
  for (let minute = 1; minute <= options.minutes; minute++) {
    for (let tick = 0; tick < 60; tick++) await ticks.next();
    samples.push(await read());
    say(`${minute} of ${options.minutes} minutes with a chart open: ${JSON.stringify(samples.at(-1))}`);
  }
  const seen = await page.evaluate(() => window.seen);
  await context.close();
  const longTasks = seen.longTasks.filter(([start]) => start >= from).map(([, duration]) => duration);
  return { samples, long_tasks_ms: longTasks, shifts: seen.shifts, refused: seen.refused };
}

/** Resolves each time that a tick has come and been drawn. */
function ticksOf(protocol) {
  let wake = () => undefined;
  let timer;
  protocol.on("Network.webSocketFrameReceived", ({ response }) => {
    if (!response.payloadData.includes('"event":"update"')) return;
    clearTimeout(timer);
    timer = setTimeout(() => wake(), SETTLED_MS);
  });
  return { next: () => new Promise((resolve) => (wake = resolve)) };
}

function tell(result) {
  process.stdout.write(`${JSON.stringify(result)}\n`);
}

function say(text) {
  process.stderr.write(`${text}\n`);
}
