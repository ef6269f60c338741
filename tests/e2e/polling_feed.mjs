// The TypeScript client: a line for each of its states, with the number of symbols that it knows then. It ends with its
// input.
//
//   node polling_feed.mjs ws://localhost:8000/markets/ws/

import { Feed } from "../../clients/typescript/src/index.ts";

process.stdin.resume().once("end", () => process.exit());
const tell = ({ link }) => console.log(link, feed.book.quotes.size + feed.book.unavailable.size);
const feed = new Feed(process.argv[2], { onState: (state) => queueMicrotask(() => tell(state)) });
