/** What a dialog about an asset is made of, and from. */

import type { Feed } from "cadfeed-client";

export interface AboutAsset {
  readonly symbol: string;
  readonly name: string;
  readonly feed: Feed;
  /** The element that opened the dialog; it gets the focus when that is closed. */
  readonly returnFocusTo?: HTMLElement | null;
}

/** Set a text if it is new. `title` is the full value of a shortened text. */
export function write(element: HTMLElement, text: string, title = ""): void {
  if (element.textContent !== text) element.textContent = text;
  if (element.title !== title) element.title = title;
}

/** A button with this text. */
export function button(text: string): HTMLButtonElement {
  const made = document.createElement("button");
  Object.assign(made, { type: "button", textContent: text });
  return made;
}

/** An element with this class and text. */
export function make<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  className: string,
  text = "",
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.textContent = text;
  return made;
}

/** `BTC` of `BTC_CAD`. */
export function baseOf(symbol: string): string {
  return symbol.split("_", 1).join();
}
