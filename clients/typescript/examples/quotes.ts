/** Shows three quotes and the last candles of a symbol: `node quotes.ts wss://HOST/markets/ws/ BTC_CAD`. */

import { argv, exit } from "node:process";
import { Feed, FeedError } from "cadfeed-client";

const [url = "", symbol = "BTC_CAD"] = argv.slice(2);
const feed = new Feed(url, { symbols: [symbol] });
let left = 3;

try {
  const { candles, inProgress } = await feed.request({ event: "history", symbol, interval: "1m", limit: 5 });
  console.log(`${candles.length} candles, in progress:`, inProgress);
  for await (const quote of feed) {
    const confirmed = quote.sources > 1 ? `${quote.sources} sources agree` : "nobody confirms it";
    console.log(`${quote.symbol} ${quote.bid} ${quote.ask} ${quote.spot} (${confirmed})`);
    left -= 1;
    if (left === 0) break;
  }
} catch (error) {
  if (!(error instanceof FeedError)) throw error;
  console.error(`error: ${error.code}: ${error.message}`);
  exit(1);
} finally {
  feed.close();
}
