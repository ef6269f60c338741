// The TypeScript client's book of frames: each line in is a list of frames as texts, each line out the book that they make.
import { createInterface } from "node:readline";
import { Session } from "../../clients/typescript/src/session.ts";

for await (const line of createInterface({ input: process.stdin })) {
  const session = new Session(undefined, () => 0);
  session.start(0);
  session.opened(1, 0);
  const asks = JSON.parse(line).map((text) => {
    const { commands } = session.received(1, text, 20_000);
    return commands.filter((command) => command.do === "send" && command.message.event === "snapshot").length;
  });
  const { quotes, unavailable, status, seq } = session.book;
  console.log(
    JSON.stringify({
      asks: asks.reduce((sum, each) => sum + each, 0),
      quotes: Object.fromEntries(quotes),
      unavailable: [...unavailable].sort(),
      status,
      seq,
    }),
  );
}
