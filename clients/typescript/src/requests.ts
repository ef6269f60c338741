/**
 * Requests that are answered by `id`, like the rest of the session without a socket or a timer.
 *
 * Requests change nothing on the server, so the client repeats one whose answer may be lost: on the next connection
 * when its own has ended, and after a while when nothing came. Each attempt has its own `id`, so that
 * parts of different answers are never put together.
 */

import type { AnswerPart, AnswerReader, Answers, Request } from "./answers.ts";
import type { Channel } from "./compact.ts";
import type { Connection } from "./connection.ts";
import { isNotOffered, waitMs } from "./connection.ts";
import type { Refused } from "./errors.ts";
import { RequestError } from "./errors.ts";
import type { PongFrame, Refusal } from "./messages.ts";

/** The first `id`; those below are the connection's own. */
const FIRST_ID = 100;
const ANSWER_WITHIN_MS = 8_000;
const GIVE_UP_AFTER_MS = 20_000;
/** No frame has this `id`. */
const UNSENT = -1;
const NEVER = Number.POSITIVE_INFINITY;

/** The end of the request that was made under this key. */
export type Settled =
  | { readonly key: number; readonly answer: Answers[keyof Answers] }
  | { readonly key: number; readonly error: RequestError };

interface Pending {
  readonly request: Request;
  readonly giveUpAt: number;
  readonly parts: Map<number, AnswerPart>;
  id: number;
  /** The connection that it was sent on last. */
  sentOn: number;
  sendAt: number;
  /** The connection had this one when it was sent. */
  channel: Channel;
  refusal: Refusal | undefined;
}

export class Requests {
  readonly #pending = new Map<number, Pending>();
  readonly #settled: Settled[] = [];
  #lastId = FIRST_ID - 1;

  add(key: number, request: Request, now: number): void {
    const giveUpAt = now + GIVE_UP_AFTER_MS;
    this.#pending.set(key, {
      request,
      giveUpAt,
      parts: new Map(),
      id: UNSENT,
      sentOn: 0,
      sendAt: now,
      channel: "rates_batch",
      refusal: undefined,
    });
  }

  cancel(key: number): void {
    this.#pending.delete(key);
  }

  /** When `look` has to be called. */
  wakeAt(connection: Connection | undefined): number {
    const times = [...this.#pending.values()].map((pending) => Math.min(pending.giveUpAt, dueAt(pending, connection)));
    return Math.min(NEVER, ...times);
  }

  /** Send what is due, and give up what has waited too long. */
  look(now: number, connection: Connection | undefined): void {
    for (const [key, pending] of this.#pending) {
      if (now >= pending.giveUpAt) this.#fail(key, tooLate(pending, connection));
      else if (connection && now >= dueAt(pending, connection)) this.#send(pending, connection, now);
    }
  }

  answered(frame: AnswerPart, reader: AnswerReader | undefined): void {
    const found = this.#find(frame.id);
    if (!found || !reader) return;
    const [key, pending] = found;
    pending.parts.set(frame.part, frame);
    if (pending.parts.size < frame.parts) return;
    this.#succeed(key, reader.joined([...pending.parts.values()]));
  }

  ponged({ id, ts }: PongFrame): void {
    const found = this.#find(id);
    if (found) this.#succeed(found[0], { ts });
  }

  /** The server refused something; returns whether it was one of these requests. `random` makes numbers from 0 to 1. */
  refused(refusal: Refusal, connection: Connection, now: number, random: () => number): boolean {
    if (!this.#pending.size) return Number(refusal.id) >= FIRST_ID;
    const againAt = now + waitMs(refusal, random());
    if (refusal.id === undefined) {
      // API Gateway's own errors do not say what they are about: it may be any that is under way.
      for (const pending of this.#pending.values()) {
        if (pending.sentOn === connection.number) pending.sendAt = Math.min(pending.sendAt, againAt);
      }
      return false;
    }
    const found = this.#find(refusal.id);
    if (!found) return Number(refusal.id) >= FIRST_ID;
    const [key, pending] = found;
    pending.refusal = refusal;
    pending.sendAt = againAt;
    // If the server does not offer the channel, the connection is about to take another one.
    const mayBeAsked = refusal.retryable || isNotOffered(refusal.code, pending.channel);
    if (!mayBeAsked || againAt >= pending.giveUpAt) this.#fail(key, errorOf(refusal));
    return true;
  }

  /** End everything: with the refusal of the subscription, if that is why. */
  close(refused: Refused | undefined): void {
    const error = refused
      ? new RequestError(refused.code, refused.message)
      : new RequestError("closed", "The feed was closed.");
    for (const key of this.#pending.keys()) this.#fail(key, error);
  }

  /** The requests that have ended since the last call. */
  settled(): Settled[] {
    return this.#settled.splice(0);
  }

  #send(pending: Pending, connection: Connection, now: number): void {
    pending.id = ++this.#lastId;
    pending.sentOn = connection.number;
    pending.sendAt = now + ANSWER_WITHIN_MS;
    pending.refusal = undefined;
    pending.parts.clear();
    const { request, id } = pending;
    const { channel } = connection;
    pending.channel = channel;
    connection.send(request.event === "snapshot" ? { ...request, channel, id } : { ...request, id });
  }

  #succeed(key: number, answer: Answers[keyof Answers]): void {
    this.#pending.delete(key);
    this.#settled.push({ key, answer });
  }

  #fail(key: number, error: RequestError): void {
    this.#pending.delete(key);
    this.#settled.push({ key, error });
  }

  #find(id: unknown): [number, Pending] | undefined {
    return [...this.#pending].find(([, pending]) => pending.id === id);
  }
}

/** A limit holds for one connection: on another one a request is due at once. */
function dueAt({ sentOn, sendAt }: Pending, connection: Connection | undefined): number {
  if (!connection?.isOpen) return NEVER;
  return sentOn === connection.number ? sendAt : Number.NEGATIVE_INFINITY;
}

function tooLate({ refusal, sentOn }: Pending, connection: Connection | undefined): RequestError {
  if (refusal) return errorOf(refusal);
  if (connection?.isOpen && sentOn === connection.number) {
    return new RequestError("no_answer", "The feed did not answer in time.", true);
  }
  return new RequestError("disconnected", "There is no connection to the feed.", true);
}

function errorOf({ code, message, retryable }: Refusal): RequestError {
  return new RequestError(code, message, retryable);
}
