/** The frame of a tool: a dialog with a title and a button that closes it. */

import { baseOf, button, make } from "../elements.ts";
import { element } from "../page.ts";
import type { QuoteTable } from "../table.ts";

/** Open a dialog, which its content is appended to. `onClose` is called when it has gone. */
export function openDialog(title: string, onClose: () => void = () => undefined): HTMLDialogElement {
  const dialog = document.createElement("dialog");
  dialog.className = "tool";
  const heading = make("h2", "", title);
  heading.id = "tool-title";
  const close = button("×");
  close.className = "tool-close";
  close.setAttribute("aria-label", t`Close ${title}`);
  close.addEventListener("click", () => dialog.close());
  const head = make("div", "tool-head");
  head.append(heading, close);
  dialog.append(head);
  dialog.setAttribute("aria-labelledby", heading.id);
  dialog.setAttribute("closedby", "any");
  dialog.addEventListener("close", () => {
    onClose();
    dialog.remove();
    if (document.activeElement === document.body) element("more").focus();
  });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/** A control with its label before it. */
export function labelled<Control extends HTMLElement>(text: string, control: Control): HTMLLabelElement {
  const label = make("label", "tool-field");
  label.append(make("span", "", text), control);
  return label;
}

/** A list to choose from: the value of each choice, and its text. */
export function choices(all: Iterable<readonly [value: string, text: string]>, chosen = ""): HTMLSelectElement {
  const select = document.createElement("select");
  for (const [value, text] of all) select.add(new Option(text, value, false, value === chosen));
  return select;
}

/** A list of all assets of the page. */
export function assetChoice({ rows }: QuoteTable): HTMLSelectElement {
  const named = [...rows.values()].map(({ symbol, name }) => [symbol, `${baseOf(symbol)} ${name}`] as const);
  return choices(named, "BTC_CAD");
}
