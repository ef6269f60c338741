// Node's `ws`: URL CA OFFER MESSAGE..., where OFFER is `plain` or `deflate`.
const fs = require("node:fs");
const WebSocket = require("ws");

const [url, ca, offer, ...messages] = process.argv.slice(2);
const socket = new WebSocket(url, { ca: fs.readFileSync(ca), perMessageDeflate: offer === "deflate" });
socket.on("open", () => messages.forEach((message) => socket.send(message)));
socket.on("message", (frame) => console.log(String(frame)));
