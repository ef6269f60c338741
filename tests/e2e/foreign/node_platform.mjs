// Node's built-in WebSocket: URL MESSAGE... It trusts NODE_EXTRA_CA_CERTS, and always offers compression.
const [url, ...messages] = process.argv.slice(2);
const socket = new WebSocket(url);
socket.onopen = () => messages.forEach((message) => socket.send(message));
socket.onmessage = ({ data }) => console.log(data);
