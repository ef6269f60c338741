/** Accelerated time: seconds of the page's clock go by in milliseconds, in which its connection is cut at random. */

import { expect } from "vitest";
import type { Visit } from "./browser.ts";
import { SYMBOLS } from "./market.ts";
import type { Site } from "./site.ts";

const TICK_EVERY = 3;
const LONGEST_LIFE = 40;
const LONGEST_OUTAGE = 25;
/** Twice the feed's pace as a rule. Where this machine was slow to carry frames, up to what the page takes as the longest. */
const QUIET_WITHIN = 36;
const LONGEST_SILENCE = 30;
/** Longer than the page ever waits between two attempts. */
const BACK_WITHIN = 40;
/** The page has asked anew by then for all that it was not told. */
const SETTLED_AFTER = 30;
const RESTARTING = 1012;

interface Cut {
  readonly begin: (site: Site) => void | Promise<void>;
  readonly end?: (site: Site) => void | Promise<void>;
}

/** How connections come to their end at once, and what keeps the page from having the next one. */
const CUTS: Readonly<Record<string, Cut>> = {
  broken: { begin: (site) => site.cut() },
  restarted: {
    begin(site) {
      // A feed that was restored from an older state counts its ticks from there.
      site.market.seq = 1;
      site.cut(RESTARTING);
    },
  },
  full: {
    begin(site) {
      site.isFull = true;
      site.cut();
    },
    end(site) {
      site.isFull = false;
    },
  },
  stopped: { begin: (site) => site.stop(), end: (site) => site.start() },
};
const KINDS = ["mute", "announced", ...Object.keys(CUTS)];

export class Hour {
  second = 0;
  /** How often the connection ended in each of these ways. */
  readonly cuts = new Map(KINDS.map((kind) => [kind, 0]));
  readonly #site: Site;
  readonly #visit: Visit;
  #seed: number;

  /** The page's clock stands still at `beganAt`, and the feed's goes with it from now on. */
  constructor(site: Site, visit: Visit, beganAt: number, seed: number) {
    [this.#site, this.#visit, this.#seed] = [site, visit, seed];
    site.now = () => beganAt + this.second * 1000;
  }

  /** So many seconds go by, in which the feed ticks. */
  async pass(seconds: number): Promise<void> {
    for (const end = this.second + seconds; this.second < end; ) {
      this.second += 1;
      await this.#visit.page.clock.runFor(1000);
      if (this.second % TICK_EVERY === 0) this.#site.tick();
    }
  }

  /** Seconds go by until the page says that its feed is so. */
  async #passUntil(kind: string, within: number, because: string): Promise<void> {
    const from = this.second;
    const state = () => this.#visit.page.getAttribute("#state", "data-kind");
    do await this.pass(1);
    while ((await state()) !== kind && this.second < from + within);
    expect(await state(), `${because}, second ${from}`).toBe(kind);
  }

  /** One cut after the other, until it is this late. */
  async until(second: number): Promise<void> {
    while (this.second < second) {
      await this.pass(this.#upTo(LONGEST_LIFE));
      await this.#cut(KINDS[this.#upTo(KINDS.length) - 1] ?? "");
    }
  }

  /** What the feed said last is drawn. */
  async #drawn(): Promise<void> {
    const { page } = this.#visit;
    const seq = async () => {
      await page.clock.runFor(20);
      return await page.getAttribute("#quotes", "data-seq");
    };
    await expect.poll(seq).toBe(String(this.#site.market.seq));
  }

  /** All symbols have a price again, and the page has heard of it over a connection of its own. */
  async settle(): Promise<void> {
    this.#site.market.stale.clear();
    this.#site.market.unavailable.clear();
    this.#site.cut();
    await this.#visit.is("reconnecting", 2000);
    await this.#passUntil("live", BACK_WITHIN, "settling");
    await this.pass(SETTLED_AFTER);
    await this.#drawn();
  }

  async #cut(kind: string): Promise<void> {
    this.cuts.set(kind, (this.cuts.get(kind) ?? 0) + 1);
    if (kind === "announced") await this.#announced();
    else if (kind === "mute") await this.#mute();
    else await this.#end(kind);
  }

  /** The page's clock stands still until it says that its connection is gone: it takes none of its timers to. */
  async #end(kind: string): Promise<void> {
    const { begin, end } = CUTS[kind] as Cut;
    await begin(this.#site);
    await this.#visit.is("reconnecting", 2000);
    this.#reprice();
    if (end) await this.pass(this.#upTo(LONGEST_OUTAGE));
    await end?.(this.#site);
    await this.#passUntil("live", BACK_WITHIN, kind);
  }

  /** The feed says that it will end the connection: the page has another one first. */
  async #announced(): Promise<void> {
    const seconds = this.#upTo(10);
    this.#site.send(JSON.stringify({ event: "closing", reason: "age", reconnect_in_ms: seconds * 1000 }));
    await this.pass(seconds + 2);
    await this.#passUntil("live", BACK_WITHIN, "announced");
  }

  /** A network that is gone without a word: only the silence tells. */
  async #mute(): Promise<void> {
    // By then the page knows how often the feed ticks.
    await this.pass(4 * TICK_EVERY);
    await this.#drawn();
    this.#site.isMute = true;
    await this.#passUntil("quiet", QUIET_WITHIN, "mute");
    await this.pass(this.#upTo(LONGEST_SILENCE));
    this.#site.isMute = false;
    this.#site.cut();
    await this.#passUntil("live", BACK_WITHIN, "mute");
  }

  /** Another symbol has no price, and another one a stale price, than before the cut. */
  #reprice(): void {
    const { stale, unavailable } = this.#site.market;
    for (const some of [stale, unavailable]) {
      some.clear();
      some.add(SYMBOLS[this.#upTo(SYMBOLS.length) - 1] ?? "");
    }
  }

  /** A whole number from 1 on: https://en.wikipedia.org/wiki/Linear_congruential_generator */
  #upTo(most: number): number {
    this.#seed = (this.#seed * 1_664_525 + 1_013_904_223) % 2 ** 32;
    return 1 + Math.floor((this.#seed / 2 ** 32) * most);
  }
}
