// The peer of the bench: a simple page that rewrites its table at each tick. It has the page's figures without its
// formats, lines, order and states.

const rows = new Map();
const body = document.getElementById("quotes");
const socket = new WebSocket(`wss://${location.host}/markets/ws/`);
const price = new Intl.NumberFormat("en-CA", { style: "currency", currency: "CAD", maximumSignificantDigits: 8 });

socket.onopen = () => socket.send(JSON.stringify({ event: "subscribe", channel: "rates_batch" }));
socket.onmessage = ({ data }) => {
  const frame = JSON.parse(data);
  for (const quote of frame.data ?? []) rows.set(quote.symbol, quote);
  body.innerHTML = [...rows.values()].map(rowOf).join("");
  body.classList.remove("first-rows-only");
};

function rowOf({ symbol, bid, ask, spot, change, change_pct: percent, source, ts }) {
  const direction = change > 0 ? "up" : "down";
  return `
    <tr>
      <th class="asset">${symbol}</th>
      <td class="spot number">${price.format(spot)}</td>
      <td class="bid number">${price.format(bid)}</td>
      <td class="ask number">${price.format(ask)}</td>
      <td class="spread number">${((ask / bid - 1) * 100).toFixed(3)}%</td>
      <td class="change number" data-direction="${direction}">${price.format(change)}</td>
      <td class="percent number" data-direction="${direction}">${Number(percent).toFixed(2)}%</td>
      <td class="trend"></td>
      <td class="age number">${Math.round((Date.now() - ts) / 1000)}s</td>
      <td class="source">${source}</td>
    </tr>`;
}
