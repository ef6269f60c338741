/** How the page looks: each change shows at once, and is kept in this browser or in the link that the set-up came with. */

import type { Page } from "../dialogs.ts";
import { button, make } from "../elements.ts";
import { keep } from "../kept.ts";
import { element } from "../page.ts";
import { applySetUp, isLinked, KEY, LOOKS, STARS, setUp, shownColumns } from "../setup.ts";
import { colourBar } from "../theme-color.ts";
import type { Column } from "../view.ts";
import { COLUMNS } from "../view.ts";
import { choices, labelled, openDialog } from "./dialog.ts";

interface Choice {
  readonly name: string;
  readonly label: string;
  readonly offered: readonly (readonly [value: string, text: string])[];
}

const CHOICES: readonly Choice[] = [
  {
    name: "theme",
    label: t`Theme`,
    offered: [
      ["", t`As the system`],
      ["light", t`Light`],
      ["dark", t`Dark`],
    ],
  },
  {
    name: "rows",
    label: t`Rows`,
    offered: [
      ["", t`Comfortable`],
      ["compact", t`Compact`],
    ],
  },
  {
    name: "decimals",
    label: t`Decimals`,
    offered: [
      ["", t`By the price`],
      ["2", "2"],
      ["4", "4"],
      ["6", "6"],
    ],
  },
  {
    name: "lang",
    label: t`Language`,
    offered: [
      ["", t`As the browser`],
      ["en", "English"],
      ["fr", "Français"],
    ],
  },
];
const A_YEAR_S = 31_536_000;

export function openSettings({ table, favourites, change, announce }: Page): void {
  const dialog = openDialog(t`Settings`);
  const fields = make("div", "tool-fields");
  const columns = make("ol", "tool-columns");
  const note = make("p", "tool-note");
  note.setAttribute("role", "status");

  const show = (): void => {
    applySetUp(table.template, ...document.querySelectorAll("#quotes tr, thead tr:has([data-column])"));
    for (const row of table.rows.values()) table.redraw(row);
    colourBar();
    if (isLinked) change({});
    else
      note.textContent = keep(KEY, String(setUp))
        ? ""
        : t`This browser keeps nothing: the settings last until the page is closed.`;
  };
  const set = (name: string, value: string): void => {
    if (value) setUp.set(name, value);
    else setUp.delete(name);
    show();
    if (name === "lang") speak(value);
  };
  const draw = (): void => {
    fields.replaceChildren(...CHOICES.map((choice) => choiceOf(choice, set)));
    drawColumns(columns, (shown) => set("columns", isDefault(shown) ? "" : shown.join()));
  };

  const link = button(t`Copy a link to this set-up`);
  link.addEventListener("click", () => void copyLink(favourites).then((text) => (note.textContent = text)));
  const reset = button(t`Reset`);
  reset.addEventListener("click", () => {
    const hadLanguage = setUp.has("lang");
    for (const name of LOOKS) setUp.delete(name);
    show();
    draw();
    if (hadLanguage) speak("");
    announce(t`The page looks as at first.`);
  });
  const buttons = make("div", "tool-buttons");
  buttons.append(link, reset);
  const title = make("h3", "", t`Columns`);
  const help = make("p", "tool-help", t`A phone shows the price, the change and the trend only.`);
  draw();
  dialog.append(fields, title, columns, help, buttons, note);
}

function choiceOf({ name, label, offered }: Choice, set: (name: string, value: string) => void): HTMLElement {
  const chosen = setUp.get(name) ?? "";
  // The cookie of a language may have gone.
  const holds = name !== "lang" || document.documentElement.lang.startsWith(chosen);
  const select = choices(offered, holds ? chosen : "");
  select.addEventListener("change", () => set(name, select.value));
  return labelled(label, select);
}

/** Load the page in that language. The address or a cookie names it, because each language is a page of its own. */
function speak(language: string): void {
  const age = language ? A_YEAR_S : 0;
  // biome-ignore lint/suspicious/noDocumentCookie: older browsers have no Cookie Store API.
  if (!isLinked) document.cookie = `lang=${language}; path=/; max-age=${age}; samesite=lax; secure`;
  location.reload();
}

/** The columns with a box each, in their order, and buttons that move the shown ones. */
function drawColumns(list: HTMLElement, set: (shown: Column[]) => void): void {
  const shown = shownColumns();
  const change = (columns: Column[], focus: string): void => {
    set(columns);
    drawColumns(list, set);
    list.querySelector<HTMLElement>(`[data-key="${focus}"]:not(:disabled)`)?.focus();
  };
  const hidden = COLUMNS.slice(1).filter((column) => !shown.includes(column));
  const items = [...shown, ...hidden].map((column) => {
    const item = document.createElement("li");
    const box = document.createElement("input");
    const place = shown.indexOf(column);
    Object.assign(box, { type: "checkbox", checked: place >= 0, disabled: shown.length === 1 && place === 0 });
    box.dataset["key"] = column;
    box.addEventListener("change", () => {
      change(box.checked ? [...shown, column] : shown.filter((each) => each !== column), column);
    });
    const label = make("label", "");
    label.append(box, nameOf(column));
    item.append(label);
    for (const [text, step] of [
      ["↑", -1],
      ["↓", 1],
    ] as const) {
      const mover = button(text);
      const to = place + step;
      mover.disabled = place < 0 || to < 0 || to >= shown.length;
      mover.dataset["key"] = `${column} ${text}`;
      mover.setAttribute("aria-label", step < 0 ? t`Move ${nameOf(column)} left` : t`Move ${nameOf(column)} right`);
      mover.addEventListener("click", () => {
        const moved = shown.filter((each) => each !== column);
        moved.splice(to, 0, column);
        change(moved, `${column} ${text}`);
      });
      item.append(mover);
    }
    return item;
  });
  list.replaceChildren(...items);
}

function isDefault(shown: readonly Column[]): boolean {
  return shown.join() === COLUMNS.slice(1).join();
}

function nameOf(column: Column): string {
  return [...element("sort", HTMLSelectElement).options].find(({ value }) => value === column)?.text ?? column;
}

async function copyLink(favourites: ReadonlySet<string>): Promise<string> {
  const query = new URLSearchParams(location.search);
  for (const name of LOOKS) if (setUp.get(name)) query.set(name, setUp.get(name) ?? "");
  if (favourites.size) query.set(STARS, [...favourites].join());
  const address = `${location.origin}/?${query}`;
  try {
    await navigator.clipboard.writeText(address);
    return t`Copied. With the link, the page opens like this; a visitor's own set-up stays.`;
  } catch {
    return t`The browser does not let the page copy. The link is: ${address}`;
  }
}
