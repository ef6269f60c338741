// The dashboard: follows the feed over one WebSocket and shows every quote. No framework, no build step.
"use strict";

const BASE_MS = 500, CAP_MS = 30_000;
// The feed speaks at least every 30 s; a browser cannot ping, so a longer silence means a dead connection.
const SILENCE_MS = 75_000;
const ASK_AGAIN_MS = 10_000;
const PRICES = /"(bid|ask|spot|change|change_pct)"\s*:\s*(-?\d+(?:\.\d+)?)/g;

const element = (id) => document.getElementById(id);
const rows = new Map();         // symbol -> {quote, cells, row}
const known = new Map();        // symbol -> the tick as of which its state is known on this connection
const unavailable = new Set();
let socket, attempt = 0, complete = 0, askedAt = 0, heardAt = 0, retryAt = 0, lastSeq = 0;

function connect() {
  show("connecting");
  known.clear();
  complete = lastSeq = 0;
  askedAt = heardAt = Date.now();
  const opened = socket = new WebSocket(`wss://${location.host}/markets/ws/`);
  opened.onopen = () => opened.send(JSON.stringify({ event: "subscribe", channel: "rates_batch", id: 1 }));
  opened.onmessage = ({ data }) => { if (opened === socket) receive(data); };
  opened.onclose = ({ code, reason }) => { if (opened === socket) lost(code === 1006 ? "" : `${code} ${reason}`); };
}

function lost(why) {
  socket = undefined;
  // Full jitter, so that many clients do not return in step.
  const delay = Math.random() * Math.min(CAP_MS, BASE_MS * 2 ** Math.min(attempt++, 16));
  retryAt = Date.now() + delay;
  element("reason").textContent = why ? `The server closed the connection: ${why}` : "The connection could not be made or broke.";
  setTimeout(connect, delay);
  tick();
}

function receive(text) {
  heardAt = Date.now();
  let frame;
  try {
    // Prices stay text, with all their digits: JSON.parse would make floats of them.
    frame = JSON.parse(text.replace(PRICES, '"$1":"$2"'));
  } catch {
    return;
  }
  if (frame.event === "error") element("reason").textContent = `The server says: ${frame.message}`;
  if (frame.channel !== "rates_batch" || !Array.isArray(frame.data)) return;
  attempt = 0;
  element("reason").textContent = "";
  const snapshot = frame.event === "snapshot";
  if (snapshot) dropUnlisted(frame);
  for (const quote of frame.data) take(quote, frame.seq, !snapshot);
  for (const symbol of frame.unavailable ?? []) withdraw(symbol, frame.seq);
  lastSeq = Math.max(lastSeq, frame.seq);
  if (snapshot) askedAt = 0;
  if (snapshot || frame.prev_seq <= complete) {
    complete = Math.max(complete, frame.seq);
  } else if (Date.now() - askedAt > ASK_AGAIN_MS) {
    // A frame was missed: what it held is in a new snapshot. One question at a time.
    askedAt = Date.now();
    socket.send(JSON.stringify({ event: "snapshot", channel: "rates_batch" }));
  }
  tick();
}

function take(quote, frameSeq, flash) {
  const tickSeq = Math.max(frameSeq, quote.seq), before = known.get(quote.symbol) ?? -1;
  const held = rows.get(quote.symbol);
  if (tickSeq < before) return;
  if (held && before >= 0 && (quote.seq < held.quote.seq || (quote.seq === held.quote.seq && quote.ts < held.quote.ts))) return;
  known.set(quote.symbol, tickSeq);
  unavailable.delete(quote.symbol);
  draw(quote, held ?? addRow(quote.symbol), flash && quote.seq !== held?.quote?.seq);
}

function withdraw(symbol, frameSeq) {
  if (frameSeq < (known.get(symbol) ?? -1)) return;
  known.set(symbol, frameSeq);
  unavailable.add(symbol);
  dropRow(symbol);
}

function dropUnlisted({ data, unavailable: without = [], seq }) {
  const listed = new Set([...data.map(({ symbol }) => symbol), ...without]);
  for (const symbol of [...rows.keys(), ...unavailable]) {
    if (listed.has(symbol) || (known.get(symbol) ?? 0) > seq) continue;
    unavailable.delete(symbol);
    dropRow(symbol);
  }
}

function dropRow(symbol) {
  rows.get(symbol)?.row.remove();
  rows.delete(symbol);
}

function addRow(symbol) {
  const row = element("quotes").insertRow();
  const head = row.appendChild(document.createElement("th"));
  head.scope = "row";
  head.textContent = symbol;
  const cells = ["bid", "ask", "spot", "change", "percent", "age", "source"].map((name) => {
    const cell = row.insertCell();
    cell.className = name === "source" ? "source" : "number";
    return [name, cell];
  });
  const entry = { row, cells: Object.fromEntries(cells) };
  rows.set(symbol, entry);
  return entry;
}

function draw(quote, entry, flash) {
  const { row, cells } = entry, decimals = places(quote.spot), sign = Math.sign(Number(quote.change));
  entry.quote = quote;
  for (const side of ["bid", "ask", "spot"]) cells[side].textContent = grouped(quote[side], places(quote[side]));
  const arrow = ["▼ ", "= ", "▲ +"][sign + 1];
  cells.change.textContent = arrow + grouped(quote.change, Math.max(decimals, leadingPlaces(quote.change)));
  const percent = quote.change_pct, percentSign = Math.sign(Number(percent));
  cells.percent.textContent = `${percentSign > 0 ? "+" : ""}${grouped(percent, Math.max(2, leadingPlaces(percent)))}%`;
  cells.change.className = `number ${["down", "", "up"][sign + 1]}`;
  cells.percent.className = `number ${["down", "", "up"][percentSign + 1]}`;
  cells.source.textContent = cells.source.title = quote.source;
  row.classList.toggle("stale", quote.stale === true);
  if (flash) {
    row.classList.remove("moved");
    requestAnimationFrame(() => row.classList.add("moved"));
  }
}

// Decimals up to the first digit that is not 0; those that show at least 6 significant digits and the cents.
const leadingPlaces = (text) => (Number(text) === 0 ? 0 : -Math.floor(Math.log10(Math.abs(Number(text)))));
const places = (text) => (Number(text) === 0 ? 2 : Math.min(20, Math.max(2, 5 + leadingPlaces(text))));

function grouped(text, decimals) {
  const digits = Math.min(20, Math.max(0, decimals));
  return new Intl.NumberFormat("en-CA", { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(text);
}

function show(link) {
  const state = element("state");
  // Only when it changes: each change is read out to those who listen to the page.
  if (state.dataset.link !== link) state.dataset.link = state.textContent = link;
}

function tick() {
  const now = Date.now();
  if (!socket) show("reconnecting");
  else if (complete) show("live");
  for (const { quote, cells } of rows.values()) cells.age.textContent = `${quote.stale ? "stale " : ""}${age(now - quote.ts)}`;
  element("simulated").hidden = ![...rows.values()].some(({ quote }) => quote.simulated);
  element("facts").textContent = socket ? `${rows.size} quotes, seq ${lastSeq}`
    : `next attempt in ${Math.max(0, Math.ceil((retryAt - now) / 1000))} s`;
  element("unavailable").textContent = unavailable.size ? `Unavailable now: ${[...unavailable].sort().join(", ")}` : "";
  if (socket && now - heardAt > SILENCE_MS) {
    socket.close();
    lost("silent for too long");
  }
}

function age(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const [unit, length] = [["d", 86_400], ["h", 3600], ["m", 60]].find(([, least]) => seconds >= least) ?? ["s", 1];
  return `${Math.floor(seconds / length)}${unit}`;
}

setInterval(tick, 1000);
connect();
