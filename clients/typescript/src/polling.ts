/** The same prices over HTTP while no socket can be opened: the document beside the socket, and what it says. */

import { parseExact } from "./exact.ts";
import type { Fields } from "./fields.ts";
import { isFields } from "./fields.ts";
import type { SnapshotFrame } from "./messages.ts";
import { snapshotOf } from "./messages.ts";

const TIMEOUT_MS = 10_000;
/** Caches have a new document when the old one's time is over; within these limits it is worth asking. */
const LEAST_WAIT_MS = 1_000;
const MOST_WAIT_MS = 60_000;
const FAILED_MS = 10_000;

/** What the document said. `inMs`: when to ask again. Without a frame there was none that could be read. */
export interface Polled {
  readonly frame?: SnapshotFrame;
  /** Its symbols were not in the document. */
  readonly rejected?: readonly string[];
  /** The feed itself has no current prices. Known whenever the document could be read. */
  readonly isLate?: boolean;
  readonly inMs: number;
}

/** Read the document of the feed at this address of a socket. Its failure is an answer, too: it throws nothing. */
export async function poll(url: string, symbols: readonly string[] | undefined, closed: AbortSignal): Promise<Polled> {
  try {
    const signal = AbortSignal.any([closed, AbortSignal.timeout(TIMEOUT_MS)]);
    const response = await fetch(documentAddress(url), { signal });
    const said = parseExact(await response.text());
    if (!isFields(said)) return failed();
    const isLate = said["code"] === "late";
    const read = response.ok ? frameOf(said, symbols) : {};
    if (!isLate && !read.frame) return failed();
    return { ...read, isLate, inMs: keptMs(response.headers) };
  } catch {
    return failed();
  }
}

/** `wss://HOST/markets/ws/` has `https://HOST/markets/rates.json`. @throws TypeError: it is another address. */
export function documentAddress(url: string): string {
  const [, folder] = /^ws(s?:\/\/[^?#]*\/)ws\/?(?:[?#]|$)/.exec(url) ?? [];
  if (!folder) throw new TypeError(`${url}: a feed's address ends with /ws/`);
  return `http${folder}rates.json`;
}

/** Everybody asks for the whole document, which caches keep once for all; what was not asked for is left out. */
function frameOf(said: Fields, symbols: readonly string[] | undefined): Pick<Polled, "frame" | "rejected"> {
  const frame = snapshotOf(said);
  if (!frame || !symbols?.length) return frame ? { frame } : {};
  const listed = new Set([...frame.data.map(({ symbol }) => symbol), ...frame.unavailable]);
  const isAsked = new Set(symbols);
  const data = frame.data.filter(({ symbol }) => isAsked.has(symbol));
  const unavailable = frame.unavailable.filter((symbol) => isAsked.has(symbol));
  return { frame: { ...frame, data, unavailable }, rejected: symbols.filter((symbol) => !listed.has(symbol)) };
}

/** For how long caches give this answer again. A page of another origin is not told its age, and asks a little later. */
function keptMs(headers: Headers): number {
  const kept = Number(/\bmax-age=(\d+)/.exec(headers.get("Cache-Control") ?? "")?.[1] ?? 0);
  const seconds = kept - Number(headers.get("Age") ?? 0);
  return Math.min(Math.max(1000 * seconds || 0, LEAST_WAIT_MS), MOST_WAIT_MS);
}

function failed(): Polled {
  return { inMs: FAILED_MS * (1 + Math.random()) };
}
