/**
 * The widget for other sites: a few prices in a frame. It reads the document with the prices, which caches keep for
 * everybody, so it costs the feed no connection. While nobody sees it, it asks for nothing.
 */

import type { Polled } from "cadfeed-client/polling.ts";
import { poll } from "cadfeed-client/polling.ts";
import { steadyNow } from "cadfeed-client/steady.ts";
import { element, feedAddress, setText } from "../page.ts";
import { askedIn } from "./asked.ts";
import { Rows } from "./rows.ts";
import { stateOf } from "./state.ts";

/** Two ticks by default: a glance at a widget needs no more. */
const LEAST_WAIT_MS = 10_000;

const { symbols, theme, problem } = askedIn(location.search);
const rows = new Rows(element("quotes", HTMLTableSectionElement), symbols);
let [hasFailed, isLate, isSimulated] = [false, false, false];
let receivedAt: number | undefined;
let ts = 0;

if (theme) document.documentElement.dataset["theme"] = theme;
if (symbols.length) {
  setInterval(draw, 1000);
  document.addEventListener("visibilitychange", draw);
  void follow();
} else {
  setText("state", problem);
}

async function follow(): Promise<void> {
  for (;;) {
    await seen();
    const answer = await poll(feedAddress(), symbols, new AbortController().signal);
    take(answer);
    draw();
    await new Promise((resolve) => setTimeout(resolve, Math.max(LEAST_WAIT_MS, answer.inMs)));
  }
}

function take({ frame, rejected = [], isLate: late }: Polled): void {
  hasFailed = !frame;
  isLate = late ?? isLate;
  // Another cache may answer with an older document than the last one.
  if (!frame || frame.ts < ts) return;
  ts = frame.ts;
  receivedAt = steadyNow();
  isSimulated = frame.data.some(({ simulated }) => simulated);
  rows.show(frame.data, rejected);
}

function draw(): void {
  if (document.hidden) return;
  const silenceMs = receivedAt === undefined ? undefined : steadyNow() - receivedAt;
  const { text, isOld } = stateOf({ silenceMs, hasFailed, isLate, isSimulated });
  setText("state", [text, problem].filter(Boolean).join(". "));
  document.body.classList.toggle("out-of-date", isOld);
}

/** Resolves at once, or when the widget is seen again. */
function seen(): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (document.hidden) return;
      document.removeEventListener("visibilitychange", look);
      resolve();
    };
    document.addEventListener("visibilitychange", look);
    look();
  });
}
