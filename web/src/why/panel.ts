/** The dialog of an explanation: its elements and texts. It does not use the feed. */

import type { Candidate, Explanation, Quote } from "cadfeed-client";
import { button, make, write } from "../elements.ts";
import { ageText, priceText, sourceText } from "../format.ts";
import { ageOf, distanceOf, distanceText, ownPriceText, priceOf, reasonText, scaleOf, summaryOf } from "./words.ts";
import "./why.css";

const COLUMNS = [t`Market`, t`Price in CAD`, t`From the median`, "", t`Age`, t`Vote`, t`What became of it`] as const;
const NAMES = ["market", "price", "distance", "place", "age", "vote", "reason"] as const;
const NUMBERS: ReadonlySet<string> = new Set(["price", "distance", "age"]);

export class Panel {
  readonly dialog = document.createElement("dialog");
  readonly #price = make("strong", "why-price");
  readonly #source = make("span", "why-source");
  readonly #summary = make("p", "why-summary");
  /** When the feed made the explanation, and of what price: the quote above is newer. */
  readonly #made = make("p", "why-made");
  readonly #body = document.createElement("tbody");
  readonly #scale = make("span", "why-scale");
  readonly #list = make("div", "why-list");
  readonly #state = make("div", "why-state");
  readonly #stateText = make("p", "");
  readonly #notice = make("p", "why-notice");
  readonly #again = button(t`Try again`);
  /** What is shown, and since when. */
  #shown: { readonly candidates: readonly Candidate[]; readonly at: number } = { candidates: [], at: 0 };

  constructor(symbol: string, name: string) {
    const title = make("h2", "why-title", t`Why this price? `);
    title.id = "why-title";
    title.append(make("span", "why-of", `${name} ${symbol}`));
    const close = button("×");
    close.classList.add("why-close");
    close.setAttribute("aria-label", t`Close explanation`);
    close.addEventListener("click", () => this.dialog.close());
    const now = make("p", "why-now");
    now.append(this.#price, this.#source);
    const head = make("div", "why-head");
    head.append(title, now, close);

    this.#list.tabIndex = 0;
    this.#list.setAttribute("role", "region");
    this.#list.setAttribute("aria-label", t`Markets`);
    this.#list.append(this.#table());
    this.#again.hidden = true;
    this.#state.setAttribute("role", "status");
    this.#state.append(this.#stateText, this.#again);
    this.#notice.setAttribute("role", "status");

    this.dialog.className = "why";
    this.dialog.setAttribute("aria-labelledby", title.id);
    this.dialog.setAttribute("closedby", "any");
    this.dialog.append(head, this.#summary, this.#made, this.#notice, this.#state, this.#list);
  }

  onAgain(again: () => void): void {
    this.#again.addEventListener("click", again);
  }

  /** Show the quote that is explained. */
  showQuote(quote: Quote | undefined): void {
    write(this.#price, quote ? t`${priceText(quote.spot)} CAD` : t`no price now`, quote?.spot);
    write(this.#source, quote ? t`from ${sourceText(quote.source)}` : "", quote?.source);
    this.dialog.classList.toggle("stale", quote?.stale === true || !quote);
  }

  /** Show a text in place of the markets. */
  showState(text: string, again = false): void {
    this.#state.hidden = !text;
    this.#list.hidden = Boolean(text);
    write(this.#stateText, text);
    if (!again && document.activeElement === this.#again) this.dialog.querySelector("button")?.focus();
    this.#again.hidden = !again;
  }

  /** Show that something does not work, beside the markets as they were. */
  showNotice(text: string): void {
    write(this.#notice, text);
  }

  show(explanation: Explanation): void {
    const { candidates, reference } = explanation;
    this.#shown = { candidates, at: performance.now() };
    const distances = candidates.map((candidate) => distanceOf(candidate, reference));
    const scale = scaleOf(distances);
    write(this.#summary, summaryOf(explanation));
    write(this.#scale, t`±${scale} bp`);
    const band = (Number(explanation.band) * 10_000) / scale;
    this.#list.style.setProperty("--band", String(Math.min(1, band)));
    this.#body.replaceChildren(...candidates.map((candidate, index) => rowOf(candidate, distances[index], scale)));
    this.showState("");
    this.age();
  }

  /** The markets grow older until the feed is asked again. */
  age(): void {
    const { candidates, at } = this.#shown;
    const taken = candidates.find(({ verdict }) => verdict === "taken");
    write(this.#made, taken ? t`Explained ${ageText(performance.now() - at)} ago, at ${priceOf(taken)} CAD.` : "");
    for (const [index, candidate] of candidates.entries()) {
      const shown = this.#body.rows[index]?.querySelector<HTMLElement>(".why-age");
      if (shown) write(shown, ageOf(candidate, performance.now() - at));
    }
  }

  /** The table states its roles, because on a phone its rows are laid out as cards. */
  #table(): HTMLTableElement {
    const table = document.createElement("table");
    const head = table.createTHead();
    const row = head.insertRow();
    for (const [index, text] of COLUMNS.entries()) {
      const cell = make("th", classOf(NAMES[index] ?? ""), text);
      cell.scope = "col";
      cell.setAttribute("role", "columnheader");
      if (NAMES[index] === "place") cell.append(make("span", "why-hidden", t`Picture, `), this.#scale);
      if (NAMES[index] === "distance") cell.title = t`In basis points: hundredths of a percent`;
      row.append(cell);
    }
    table.append(this.#body);
    table.setAttribute("role", "table");
    for (const group of [head, this.#body]) group.setAttribute("role", "rowgroup");
    row.setAttribute("role", "row");
    return table;
  }
}

function rowOf(candidate: Candidate, distance: number | undefined, scale: number): HTMLTableRowElement {
  const row = document.createElement("tr");
  row.setAttribute("role", "row");
  row.dataset["verdict"] = candidate.verdict;
  row.classList.toggle("votes", candidate.vote);
  const market = make("th", "why-market");
  market.scope = "row";
  market.setAttribute("role", "rowheader");
  market.append(make("b", "", candidate.source.replaceAll("_", " ")), " ", make("span", "", candidate.market));
  const price = cell("price", priceOf(candidate));
  price.title = ownPriceText(candidate);
  const place = cell("place", "");
  if (distance !== undefined) {
    const dot = make("i", "");
    // From 0 to 1, with the median in the middle.
    dot.style.setProperty("--at", ((distance / scale + 1) / 2).toFixed(4));
    place.append(dot);
  }
  const far = cell("distance", distanceText(distance));
  if (distance !== undefined) far.append(make("span", "why-unit", t` bp`));
  const vote = cell("vote", candidate.vote ? "✓" : "–");
  vote.append(make("span", "why-hidden", candidate.vote ? t` votes` : t` no vote`));
  row.append(market, price, far, place, cell("age", ageOf(candidate)), vote, cell("reason", reasonText(candidate)));
  return row;
}

function cell(name: string, text: string): HTMLTableCellElement {
  const made = make("td", classOf(name), text);
  made.setAttribute("role", "cell");
  return made;
}

function classOf(name: string): string {
  return `why-${name}${NUMBERS.has(name) ? " why-number" : ""}`;
}
