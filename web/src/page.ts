/** The elements of the page by their ID. */

/** @throws Error: the page has no such element. */
export function element(id: string): HTMLElement;
export function element<T extends HTMLElement>(id: string, kind: new () => T): T;
export function element(id: string, kind: new () => HTMLElement = HTMLElement): HTMLElement {
  const found = document.getElementById(id);
  if (found instanceof kind) return found;
  throw new Error(`the page has no ${kind.name} "${id}"`);
}

/** The feed's address, beside the page's. */
export function feedAddress(): string {
  return `${location.protocol === "http:" ? "ws" : "wss"}://${location.host}/markets/ws/`;
}

/** Set a text if it is new: a browser draws a text that is set again, and a screen reader reads it again. */
export function setText(id: string, text: string): void {
  const target = element(id);
  if (target.textContent !== text) target.textContent = text;
}

/** Show a text for a while, and have screen readers read it. */
export function tell(text: string): void {
  const line = document.createElement("span");
  line.append(text);
  element("told").replaceChildren(line);
}
