/** Accelerated time: seconds of the page's clock pass in milliseconds, and its connection is cut at random. */

import { expect } from "vitest";
import type { Visit } from "./browser.ts";
import { SYMBOLS } from "./market.ts";
import type { Site } from "./site.ts";

/** Wall time, since the page's clock is paused: a busy machine may take a while to close a socket. */
const BUSY_MACHINE_MS = 10_000;
const TICK_EVERY = 3;
const LONGEST_LIFE = 40;
const LONGEST_OUTAGE = 25;
/** Usually twice the feed's pace. If this machine delivered frames slowly, up to the page's longest limit. */
const QUIET_WITHIN = 36;
const LONGEST_SILENCE = 30;
/** Longer than the page ever waits between two attempts. */
const BACK_WITHIN = 40;
/** By then the page has asked again for everything that it missed. */
const SETTLED_AFTER = 30;
const RESTARTING = 1012;

interface Cut {
  readonly begin: (site: Site) => void | Promise<void>;
  readonly end?: (site: Site) => void | Promise<void>;
}

/** The ways to end all connections at once, and what keeps the page from opening the next one. */
const CUTS: Readonly<Record<string, Cut>> = {
  broken: { begin: (site) => site.cut() },
  restarted: {
    begin(site) {
      // A feed that was restored from an older state counts its ticks on from that.
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
  /** How often the connection ended in each way. */
  readonly cuts = new Map(KINDS.map((kind) => [kind, 0]));
  readonly #site: Site;
  readonly #visit: Visit;
  #seed: number;

  /** The page's clock is paused at `beganAt`; from now on the feed's clock follows it. */
  constructor(site: Site, visit: Visit, beganAt: number, seed: number) {
    [this.#site, this.#visit, this.#seed] = [site, visit, seed];
    site.now = () => beganAt + this.second * 1000;
  }

  /** Let this many seconds pass, with the feed's ticks. */
  async pass(seconds: number): Promise<void> {
    for (const end = this.second + seconds; this.second < end; ) {
      this.second += 1;
      await this.#visit.page.clock.runFor(1000);
      if (this.second % TICK_EVERY === 0) this.#site.tick();
    }
  }

  /** Let seconds pass until the page shows this state of the feed. */
  async #passUntil(kind: string, within: number, because: string): Promise<void> {
    const from = this.second;
    const state = () => this.#visit.page.getAttribute("#state", "data-kind");
    do await this.pass(1);
    while ((await state()) !== kind && this.second < from + within);
    expect(await state(), `${because}, second ${from}`).toBe(kind);
  }

  /** Cut the connection again and again until that second. */
  async until(second: number): Promise<void> {
    while (this.second < second) {
      await this.pass(this.#upTo(LONGEST_LIFE));
      await this.#cut(KINDS[this.#upTo(KINDS.length) - 1] ?? "");
    }
  }

  /** Wait until the page has drawn the feed's last tick. */
  async #drawn(): Promise<void> {
    const { page } = this.#visit;
    const seq = async () => {
      await page.clock.runFor(20);
      return await page.getAttribute("#quotes", "data-seq");
    };
    await expect.poll(seq).toBe(String(this.#site.market.seq));
  }

  /** Give all symbols a price again, and wait until the page has them over a new connection. */
  async settle(): Promise<void> {
    this.#site.market.stale.clear();
    this.#site.market.unavailable.clear();
    this.#site.cut();
    await this.#visit.is("reconnecting", BUSY_MACHINE_MS);
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

  /** End the connection. The page's clock is paused until it shows that: it needs no timer for it. */
  async #end(kind: string): Promise<void> {
    const { begin, end } = CUTS[kind] as Cut;
    await begin(this.#site);
    await this.#visit.is("reconnecting", BUSY_MACHINE_MS);
    this.#reprice();
    if (end) await this.pass(this.#upTo(LONGEST_OUTAGE));
    await end?.(this.#site);
    await this.#passUntil("live", BACK_WITHIN, kind);
  }

  /** The feed sends `closing`, and the page opens another connection first. */
  async #announced(): Promise<void> {
    const seconds = this.#upTo(10);
    this.#site.send(JSON.stringify({ event: "closing", reason: "age", reconnect_in_ms: seconds * 1000 }));
    await this.pass(seconds + 2);
    await this.#passUntil("live", BACK_WITHIN, "announced");
  }

  /** The network is gone without a close: the page notices only the silence. */
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

  /** Choose other symbols without a price and with a stale price than before the cut. */
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
