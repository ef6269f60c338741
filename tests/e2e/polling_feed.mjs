// The TypeScript client: a line for each of its states, with the number of symbols that it knows then. It ends with its
// input.
//
//   node polling_feed.mjs localhost:8000

import { Feed } from "../../clients/typescript/src/index.ts";

process.stdin.resume().once("end", () => process.exit());
const tell = ({ link }) => console.log(link, feed.book.quotes.size + feed.book.unavailable.size);
console.log("open");
const feed = new Feed(`ws://${process.argv[2]}/markets/ws/`, { onState: (state) => queueMicrotask(() => tell(state)) });
