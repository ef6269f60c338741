// A client that calls a number's methods on every field of `data`: URL MESSAGE... It ends if one is not a number.
const [url, ...messages] = process.argv.slice(2);
const socket = new WebSocket(url);
socket.onopen = () => messages.forEach((message) => socket.send(message));
socket.onmessage = (message) => {
  const { data } = JSON.parse(message.data);
  if (!data) return;
  const line = {
    symbol: data.symbol.replace("_", "/"),
    time: new Date(data.timestamp * 1000).toISOString(),
    spot: data.spot.toFixed(8),
    spread: (data.ask - data.bid).toFixed(8),
    change: data.change.toFixed(2),
    change_pct: data.change_pct.toFixed(2),
    arrow: data.change < 0 ? "down" : "up",
  };
  console.log(JSON.stringify(line));
};
