// Measure the page in a real browser, for `tools/bench/page.py`: results as lines of JSON on stdout, progress on stderr.
//
//   node page.mjs '{"url":"https://localhost:8000/","spki":"...","ticks":60,"loads":5,"minutes":5}'

import { readFileSync } from "node:fs";
import { launch } from "../browser/browser.ts";

const PEER = readFileSync(new URL("page_peer.js", import.meta.url), "utf8");
const options = JSON.parse(process.argv[2]);
// Lighthouse's slow 4G and its CPU slowdown:
// https://github.com/GoogleChrome/lighthouse/blob/main/docs/throttling.md
const SLOW_4G = {
  offline: false,
  latency: 150,
  downloadThroughput: (1.6e6 / 8) * 0.9,
  uploadThroughput: (750e3 / 8) * 0.9,
};
const SLOW_CPU = 4;
// The frames of a tick come together; after they are drawn the browser is idle until the next tick.
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
    // At the start of an animation frame the page shows the previous one.
    const spot = document.querySelector("#quotes td.spot");
    if (spot) window.seen.row ||= performance.now();
    if (/[0-9]/.test(spot?.textContent ?? "")) window.seen.price = performance.now();
    else requestAnimationFrame(look);
  })();
`;

const browser = await launch({
  // It trusts only certificates of this key; all other checks stay on.
  args: [`--ignore-certificate-errors-spki-list=${options.spki}`],
});
try {
  for (const script of ["peer", "page"]) tell({ what: "per tick", script, ...(await perTick(script)) });
  tell({ what: "per tick", script: "page, chart open", ...(await perTick("page", "BTC_CAD")) });
  // The feed's functions are warm now.
  tell({ what: "first visits", ...(await firstVisits()) });
  tell({ what: "steady", ...(await steady()) });
} finally {
  await browser.close();
}

/** Open a new page, as on a first visit. */
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

/** Measure per tick how long scripts ran, and all work of the main thread, layout and style included. */
async function perTick(script, symbol) {
  const { context, page, protocol } = await visit(script);
  await page.goto(options.url + (symbol ? `?symbol=${symbol}` : ""));
  const ticks = ticksOf(protocol);
  await protocol.send("Network.enable");
  // This is the CPU time of the page's thread; other programs do not count.
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

/** Measure minutes with an open chart: the memory left, and the longest task. */
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
  // By then all lines of the visible rows are requested, and a candle has closed.
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

/** Resolve when a tick has come and been drawn. */
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
