/** An open explanation: asks the feed why the price is what it is, and again while it is open. */

import type { Feed, Quote, State } from "cadfeed-client";
import type { AboutAsset } from "../elements.ts";
import { failureText, linkText } from "../failure.ts";
import { Panel } from "./panel.ts";
import { WHY } from "./words.ts";

/** An explanation counts as two of a connection's five messages a minute. */
const AGAIN_MS = 30_000;
/** If another market serves, or another number of sources agree, it asks sooner, but not each tick. */
const SOON_MS = 5000;
const LOADING = t`Asking the feed…`;
const WAITING = t`Waiting for the connection to the feed…`;

export class Why {
  readonly #feed: Feed;
  readonly #symbol: string;
  readonly #panel: Panel;
  readonly #asking = new AbortController();
  readonly #stop: () => void;
  #isAsking = false;
  #isShown = false;
  #askedAt = 0;
  #toldOf = "";
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor({ symbol, name, feed, returnFocusTo }: AboutAsset) {
    this.#feed = feed;
    this.#symbol = symbol;
    this.#panel = new Panel(symbol, name);
    const { dialog } = this.#panel;
    dialog.addEventListener("close", () => {
      this.#end();
      // The event comes after the dialog has gone: by then the user may have moved on.
      if (document.activeElement === document.body) returnFocusTo?.focus();
    });
    this.#panel.onAgain(() => void this.#ask());
    this.#stop = feed.observe({ onHeard: () => this.#heard(), onState: (state) => this.#linkChanged(state) });
    document.body.append(dialog);
    this.#panel.showQuote(this.#quote);
    void this.#ask();
    dialog.showModal();
  }

  close(): void {
    // The `close` event comes later, when another one may be open.
    if (this.#panel.dialog.open) this.#panel.dialog.close();
    this.#end();
  }

  get #quote(): Quote | undefined {
    return this.#feed.book.quotes.get(this.#symbol);
  }

  #end(): void {
    this.#stop();
    this.#asking.abort();
    clearTimeout(this.#timer);
    this.#panel.dialog.remove();
  }

  async #ask(): Promise<void> {
    if (this.#isAsking) return;
    this.#isAsking = true;
    this.#askedAt = performance.now();
    this.#toldOf = this.#summary();
    if (!this.#isShown) this.#panel.showState(this.#feed.state.link === "live" ? LOADING : WAITING);
    try {
      const explanation = await this.#feed.explain(this.#symbol, this.#asking.signal);
      this.#panel.show(explanation);
      this.#panel.showNotice(linkText(this.#feed.state, WHY));
      this.#isShown = true;
    } catch (error) {
      if (this.#asking.signal.aborted) return;
      const { text, again } = failureText(error, WHY);
      if (this.#isShown) this.#panel.showNotice(text);
      else this.#panel.showState(text, again);
    } finally {
      this.#isAsking = false;
    }
    this.#askIn(AGAIN_MS);
  }

  #askIn(afterMs: number): void {
    clearTimeout(this.#timer);
    if (!this.#asking.signal.aborted) this.#timer = setTimeout(() => this.#askIfSeen(), afterMs);
  }

  #askIfSeen(): void {
    if (document.hidden) this.#askIn(AGAIN_MS);
    else void this.#ask();
  }

  #heard(): void {
    this.#panel.showQuote(this.#quote);
    this.#panel.age();
    if (!this.#isShown || this.#isAsking || this.#summary() === this.#toldOf) return;
    this.#toldOf = this.#summary();
    this.#askIn(Math.max(0, this.#askedAt + SOON_MS - performance.now()));
  }

  #linkChanged(state: State): void {
    if (this.#isShown) this.#panel.showNotice(linkText(state, WHY));
    if (state.link === "live") this.#askIn(0);
  }

  /** What an explanation is of: it holds until this changes. */
  #summary(): string {
    const quote = this.#quote;
    return quote ? `${quote.source} ${quote.sources} ${quote.stale}` : "";
  }
}
