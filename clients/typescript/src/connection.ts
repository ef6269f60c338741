/** One connection as the session knows it: how long it has been silent, and what to send on it when. */

import { Chain } from "./chain.ts";
import type { Channel } from "./compact.ts";
import { Legends } from "./compact.ts";
import type { ClientMessage, Refusal, UpdateFrame } from "./messages.ts";

const OPEN_TIMEOUT_MS = 15_000;
/** A feed is silent for at most 30 s and a tick. One with slow ticks is silent for longer, but answers a ping. */
const PING_AFTER_MS = 37_000;
const DEAD_AFTER_MS = 45_000;
/** A snapshot that has not come this long after the request counts as lost. */
const ASK_AGAIN_AFTER_MS = 10_000;
/** When to try again what the server could not do, unless it says when; up to twice as long. */
const TRY_AGAIN_MS = 2_000;
const NEVER = Number.POSITIVE_INFINITY;
const LONG_AGO = Number.NEGATIVE_INFINITY;
/** The `id` of each message of its own, which the answers echo. */
export const IDS = { subscribe: 1, snapshot: 2, ping: 3 } as const;

export type Send = (message: ClientMessage) => void;

export class Connection {
  readonly number: number;
  readonly since: number;
  readonly send: Send;
  readonly chain = new Chain();
  readonly legends = new Legends();
  /** The one that the server offers, once it has answered. */
  channel: Channel = "rates_compact";
  isOpen = false;
  /** The server has answered the subscription. */
  isLive = false;
  readonly #symbols: readonly string[] | undefined;
  #every: number | undefined;
  #heardAt: number;
  #isPinged = false;
  #askedAt = LONG_AGO;
  #subscribeAt = NEVER;
  #askAt = NEVER;

  /** `every`: the seconds between two frames; without it there is one in each tick. */
  constructor(
    number: number,
    symbols: readonly string[] | undefined,
    every: number | undefined,
    now: number,
    send: Send,
  ) {
    this.number = number;
    this.#every = every;
    this.since = this.#heardAt = now;
    this.#symbols = symbols;
    this.send = send;
  }

  /** When `look` has to be called. */
  get wakeAt(): number {
    if (!this.isOpen) return this.since + OPEN_TIMEOUT_MS;
    const silence = this.#isPinged ? DEAD_AFTER_MS : PING_AFTER_MS;
    return Math.min(this.#heardAt + this.#interval + silence, this.#subscribeAt, this.#askAt);
  }

  /** It is open: subscribe. */
  opened(now: number): void {
    this.isOpen = true;
    this.#heardAt = now;
    this.#subscribe(now);
  }

  /** Hear frames at another pace, beginning with a snapshot. */
  change(every: number | undefined, now: number): void {
    this.#every = every;
    if (this.isOpen) this.#subscribe(now);
  }

  /** The server sent something, whatever it is. */
  heard(now: number): void {
    this.#heardAt = now;
    this.#isPinged = false;
  }

  /** Add an update, and ask for a snapshot when something before it was missed. One request at a time. */
  update(frame: UpdateFrame, now: number): void {
    const isMissing = this.chain.update(frame);
    if (isMissing && this.#askAt === NEVER && now - this.#askedAt >= ASK_AGAIN_AFTER_MS) this.#ask(now);
  }

  /** A whole snapshot has come. */
  answered(): void {
    this.#askedAt = LONG_AGO;
  }

  /** The server could not do what it was asked for, and may be asked again. `random` is from 0 to 1. */
  putOff(refusal: Refusal, now: number, random: number): void {
    const { id } = refusal;
    const at = now + waitMs(refusal, random);
    if (id === IDS.snapshot) this.#askAt = at;
    // API Gateway's own errors name no message; before the subscription is answered it can only be that.
    else if (id === IDS.subscribe || (id === undefined && !this.isLive)) this.#subscribeAt = at;
  }

  /** Subscribe otherwise, if the server does not offer the channel, or has a tick that the pace does not fit; returns whether. */
  fallBack({ id, code }: Refusal, now: number): boolean {
    if (id !== IDS.subscribe) return false;
    if (code === "bad_every" && this.#every) this.#every = undefined;
    else if (isNotOffered(code, this.channel)) this.channel = "rates_batch";
    else return false;
    this.#subscribe(now);
    return true;
  }

  /** Do what is due. Returns why the connection is no longer of use, if so. */
  look(now: number): string | undefined {
    if (!this.isOpen)
      return now - this.since >= OPEN_TIMEOUT_MS ? "The connection could not be made in time." : undefined;
    const silence = now - this.#heardAt - this.#interval;
    if (silence >= DEAD_AFTER_MS) return `Nothing was heard for ${DEAD_AFTER_MS / 1000} s.`;
    if (now >= this.#subscribeAt) this.#subscribe(now);
    if (now >= this.#askAt) this.#ask(now);
    if (silence >= PING_AFTER_MS && !this.#isPinged) {
      this.#isPinged = true;
      this.send({ event: "ping", id: IDS.ping });
    }
    return undefined;
  }

  #subscribe(now: number): void {
    this.#subscribeAt = NEVER;
    // The subscription brings a snapshot by itself.
    this.#askedAt = now;
    const symbols = this.#symbols?.length ? { symbols: this.#symbols } : {};
    const pace = this.#every ? { every: this.#every } : {};
    this.send({ event: "subscribe", channel: this.channel, ...symbols, ...pace, id: IDS.subscribe });
  }

  /** How much longer than without a pace the server may be silent, in ms. */
  get #interval(): number {
    return (this.#every ?? 0) * 1000;
  }

  #ask(now: number): void {
    this.#askAt = NEVER;
    this.#askedAt = now;
    this.send({ event: "snapshot", channel: this.channel, id: IDS.snapshot });
  }
}

/** How long to wait before the next try. `random` is from 0 to 1. */
export function waitMs({ retry_in_ms: inMs }: Refusal, random: number): number {
  return inMs ?? TRY_AGAIN_MS * (1 + random);
}

/** Whether a server that answers so may offer another channel. */
export function isNotOffered(code: string, channel: Channel): boolean {
  return channel === "rates_compact" && /^(unknown_channel|channel_denied)$/.test(code);
}
