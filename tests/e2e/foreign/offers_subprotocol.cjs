// A connection that offers a subprotocol, of Node's own WebSocket or of `ws`: node|ws URL. Prints the outcome.
const [library, url] = process.argv.slice(2);
const socket = new (library === "ws" ? require("ws") : WebSocket)(url, ["cad.v1"]);
socket.onopen = () => {
  console.log("opened");
  socket.close();
};
socket.onerror = () => console.log("refused");
