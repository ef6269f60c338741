/** Tells that an alert was reached: a bar on the page, a tone, and a notification where the visitor has allowed them. */

import { baseOf, button, make } from "../elements.ts";
import { LOCALE, priceText } from "../format.ts";
import type { Alert } from "./watch.ts";
import "./personal.css";

/** Another digit is another alert. */
const EXACT = new Intl.NumberFormat(LOCALE, { minimumFractionDigits: 2, maximumFractionDigits: 20 });
const TONE = { hertz: 880, seconds: 0.18, pause: 0.25, times: 2, volume: 0.2 };

/** What an alert waits for, or what has happened. */
export function alertText({ symbol, when, price, reached }: Alert): string {
  const [waits, has] = when === "above" ? [t`rises to`, t`rose to`] : [t`falls to`, t`fell to`];
  const now = reached ? t`: ${priceText(reached.spot)} CAD` : "";
  return `${baseOf(symbol)} ${reached ? has : waits} ${EXACT.format(price as `${number}`)}${now}`;
}

/** Tell it. */
export function tell(alert: Alert): void {
  const text = alertText(alert);
  showBar(text);
  void playTone();
  notify(text);
}

/** Whether notifications may be shown: as the browser says, or that it has none. */
export function permission(): NotificationPermission | "missing" {
  return "Notification" in globalThis ? Notification.permission : "missing";
}

let playing: Promise<void> | undefined;

/** A tone, if the browser lets the page make one: it does so after a click. One sounds at a time. */
export function playTone(): Promise<void> {
  playing ??= sound().finally(() => (playing = undefined));
  return playing;
}

async function sound(): Promise<void> {
  try {
    const context = new AudioContext();
    for (let index = 0; index < TONE.times; index++) {
      const [oscillator, gain] = [context.createOscillator(), context.createGain()];
      const from = context.currentTime + index * TONE.pause;
      oscillator.frequency.value = TONE.hertz;
      gain.gain.setValueAtTime(TONE.volume, from);
      gain.gain.exponentialRampToValueAtTime(0.001, from + TONE.seconds);
      oscillator.connect(gain).connect(context.destination);
      oscillator.start(from);
      oscillator.stop(from + TONE.seconds);
    }
    await new Promise((resolve) => setTimeout(resolve, 1000 * TONE.times * TONE.pause));
    await context.close();
  } catch {
    return;
  }
}

/** A phone shows a notification only through the service worker. */
function notify(body: string): void {
  if (permission() !== "granted") return;
  const [title, options] = [t`Price alert`, { body, icon: "/icon-192.png", tag: body }];
  const worker = navigator.serviceWorker?.controller ? navigator.serviceWorker.ready : undefined;
  if (worker) void worker.then((registration) => registration.showNotification(title, options)).catch(() => undefined);
  else new Notification(title, options);
}

/** The bar covers a part of the page and moves nothing; each line stays until it is closed. */
function showBar(text: string): void {
  let bar = document.querySelector<HTMLElement>(".alert-bar");
  if (!bar) {
    bar = make("div", "alert-bar");
    bar.setAttribute("role", "alert");
  }
  place(bar);
  const line = make("p", "", text);
  const close = button("×");
  close.setAttribute("aria-label", t`Close: ${text}`);
  close.addEventListener("click", () => line.remove());
  line.append(close);
  bar.append(line);
}

/** Put the bar into the dialog that is open, if there is one: nothing else on the page can be clicked or read then. */
function place(bar: HTMLElement): void {
  const dialog = [...document.querySelectorAll("dialog:modal")].at(-1);
  const host = dialog ?? document.body;
  if (bar.parentElement === host) return;
  host.append(bar);
  dialog?.addEventListener("close", () => place(bar), { once: true });
}
