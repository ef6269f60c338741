/** The visitor's price alerts, in a dialog: a list of them, and a form for a new one. */

import type { Page } from "../dialogs.ts";
import { button, make } from "../elements.ts";
import { exactText, LOCALE, priceText } from "../format.ts";
import { amountIn } from "./amount.ts";
import { assetChoice, choices, labelled, openDialog } from "./dialog.ts";
import { alertText, permission, playTone, tell } from "./tell.ts";
import type { Alert } from "./watch.ts";
import { isReached, MOST_ALERTS, Watch } from "./watch.ts";

const PERMISSIONS = {
  granted: t`Notifications are on.`,
  denied: t`This browser blocks notifications of this page; its site settings allow them.`,
  missing: t`This browser has no notifications.`,
  default: "",
};
/** No price has more. */
const MOST_DIGITS = 40;
const MOMENT = new Intl.DateTimeFormat(LOCALE, { dateStyle: "short", timeStyle: "medium", hourCycle: "h23" });
let watch: Watch | undefined;

/** Look at the alerts with each tick, from now on. `feed` is the page's. */
export function watched({ feed }: Pick<Page, "feed">): Watch {
  watch ??= new Watch(feed, tell);
  return watch;
}

export function openAlerts(page: Page): void {
  const { feed, table } = page;
  const watching = watched(page);
  const asset = assetChoice(table);
  const when = choices([
    ["above", t`rises to`],
    ["below", t`falls to`],
  ]);
  const price = document.createElement("input");
  Object.assign(price, { inputMode: "decimal", autocomplete: "off", required: true, maxLength: MOST_DIGITS });
  const list = make("ul", "tool-list");
  const note = make("p", "tool-note");
  note.setAttribute("role", "status");

  const set = (alerts: readonly Alert[]): void => {
    const isKept = watching.set(alerts);
    note.textContent = isKept ? "" : t`This browser keeps nothing: the alerts last until the page is closed.`;
    draw();
  };
  const draw = (): void => drawList(list, watching.alerts, set);
  const update = (): void => {
    draw();
    suggest();
  };
  const suggest = (): void => {
    const spot = feed.book.quotes.get(asset.value)?.spot;
    price.placeholder = spot ? t`now ${exactText(spot)}` : "";
  };
  const add = (alert: Alert): void => {
    const quote = feed.book.quotes.get(alert.symbol);
    const room = withRoom(watching.alerts);
    if (quote && isReached(alert, quote))
      note.textContent = t`That is so already: it is ${priceText(quote.spot)} CAD now.`;
    else if (!room) note.textContent = t`${MOST_ALERTS} alerts are the most.`;
    else {
      set([...room, alert]);
      price.value = "";
    }
  };
  const form = make("form", "tool-fields");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const amount = amountIn(price.value);
    if (amount === undefined || !Number(amount)) note.textContent = t`Type a price in CAD, such as 98500.`;
    else add({ symbol: asset.value, when: when.value as Alert["when"], price: amount });
  });
  // What the note says was so when it was written.
  form.addEventListener("input", () => (note.textContent = ""));
  asset.addEventListener("change", suggest);
  const adds = button(t`Add`);
  adds.type = "submit";
  form.append(labelled(t`Asset`, asset), labelled(t`When it`, when), labelled(t`Price in CAD`, price), adds);
  suggest();

  const dialog = openDialog(t`Price alerts`, feed.observe({ onHeard: update }));
  const help = t`Alerts work only while this page is open; hidden, it hears prices once a minute. They are kept in this browser.`;
  dialog.append(make("p", "tool-help", help), form, note, list, permissionLine());
  draw();
}

/** The alerts without the oldest one that was reached, if there would be too many; undefined if all of them wait. */
function withRoom(alerts: readonly Alert[]): readonly Alert[] | undefined {
  if (alerts.length < MOST_ALERTS) return alerts;
  const index = alerts.findIndex(({ reached }) => reached);
  return index < 0 ? undefined : alerts.toSpliced(index, 1);
}

function drawList(list: HTMLElement, alerts: readonly Alert[], set: (alerts: readonly Alert[]) => void): void {
  const text = JSON.stringify(alerts);
  // A button that is drawn again loses the focus.
  if (list.dataset["shown"] === text) return;
  list.dataset["shown"] = text;
  list.replaceChildren(
    ...alerts.map((alert, index) => {
      const item = make("li", alert.reached ? "reached" : "");
      const at = alert.reached && MOMENT.format(alert.reached.ts);
      const remove = button(t`Remove`);
      remove.setAttribute("aria-label", t`Remove: ${alertText(alert)}`);
      remove.addEventListener("click", () => {
        set(alerts.toSpliced(index, 1));
        (
          list.querySelectorAll("button")[Math.min(index, alerts.length - 2)] ??
          list.closest("dialog")?.querySelector("input")
        )?.focus();
      });
      item.append(make("span", "", at ? `${at} ${alertText(alert)}` : alertText(alert)), remove);
      return item;
    }),
  );
}

function permissionLine(): HTMLElement {
  const line = make("p", "tool-buttons");
  const text = make("span", "", PERMISSIONS[permission()]);
  const tone = button(t`Try the tone`);
  tone.addEventListener("click", () => void playTone());
  line.append(tone);
  if (permission() === "default") {
    const allow = button(t`Allow notifications`);
    allow.addEventListener("click", () => {
      void Notification.requestPermission().then((now) => {
        text.textContent = PERMISSIONS[now] || t`Nothing was chosen.`;
        if (now !== "default") allow.remove();
      });
    });
    line.append(allow);
  }
  line.append(text);
  return line;
}
