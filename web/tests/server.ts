/** A feed on this machine for one test, which says how it answers each connection. */

import type { AddressInfo } from "node:net";
import type { WebSocket } from "ws";
import { WebSocketServer } from "ws";

export type Answer = (socket: WebSocket, number: number) => void;

/** Run `use` with the feed's address; `answer` gets each connection and its number, from 1. */
export async function withFeed(answer: Answer, use: (url: string) => Promise<void>): Promise<void> {
  let connections = 0;
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  server.on("connection", (socket) => answer(socket, ++connections));
  await new Promise((resolve) => server.once("listening", resolve));
  try {
    await use(`ws://127.0.0.1:${(server.address() as AddressInfo).port}/markets/ws/`);
  } finally {
    for (const client of server.clients) client.terminate();
    await new Promise((resolve) => server.close(resolve));
  }
}

/** Answer each message of a connection with the frames that `frames` returns for it. */
export function replying(
  socket: WebSocket,
  frames: (message: { event: string; symbols?: string[]; id?: number }) => string[],
): void {
  socket.on("message", (data) => {
    for (const text of frames(JSON.parse(String(data)))) socket.send(text);
  });
}
