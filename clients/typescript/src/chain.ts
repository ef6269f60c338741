/** Whether anything is missing from a connection's frames: a part of a frame, or a frame between two updates. */

import type { Batch, SnapshotFrame, UpdateFrame } from "./messages.ts";

/** The parts of one frame, as they come. */
interface Collected {
  readonly seq: number;
  readonly parts: number;
  readonly heard: Set<number>;
  readonly symbols: Set<string>;
  prevSeq: number | undefined;
}

export class Chain {
  /** The tick up to which nothing was missed. */
  complete = 0;
  #snapshot: Collected | undefined;
  #update: Collected | undefined;

  /** Every symbol that a snapshot lists, once all its parts have come. */
  snapshot(frame: SnapshotFrame): ReadonlySet<string> | undefined {
    this.#snapshot = collect(this.#snapshot, frame);
    if (!isWhole(this.#snapshot)) return undefined;
    const { symbols } = this.#snapshot;
    this.#snapshot = undefined;
    this.complete = Math.max(this.complete, frame.seq);
    return symbols;
  }

  /** Whether something before this update was missed, or its own first part. */
  update(frame: UpdateFrame): boolean {
    this.#update = collect(this.#update, frame);
    const collected = this.#update;
    if (frame.seq < collected.seq) return frame.prev_seq > this.complete;
    if (frame.part === 1) collected.prevSeq = frame.prev_seq;
    if (collected.prevSeq === undefined) return frame.seq > this.complete;
    if (collected.prevSeq > this.complete) return true;
    if (isWhole(collected)) this.complete = Math.max(this.complete, frame.seq);
    return false;
  }
}

/** A frame's parts so far, with this one. A newer frame takes the place of one that never became whole. */
function collect(so: Collected | undefined, { seq, part, parts, data, unavailable }: Batch): Collected {
  if (so && seq < so.seq) return so;
  const collected =
    so && so.seq === seq && so.parts === parts
      ? so
      : { seq, parts, heard: new Set<number>(), symbols: new Set<string>(), prevSeq: undefined };
  collected.heard.add(part);
  for (const { symbol } of data) collected.symbols.add(symbol);
  for (const symbol of unavailable) collected.symbols.add(symbol);
  return collected;
}

function isWhole({ heard, parts }: Collected): boolean {
  return heard.size === parts;
}
