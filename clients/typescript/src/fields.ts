/** What a frame's fields must look like before anything is made of them. */

/** A frame that is too long for one message comes in parts, counted from 1. */
export interface Parts {
  readonly part: number;
  readonly parts: number;
}

export type Fields = Readonly<Record<string, unknown>>;

/** The feed's numbers have 38 digits at most. A text may not stand for a million of them. */
const NUMBER = /^-?\d{1,80}(?:\.\d{1,80})?(?:[eE][+-]?\d{1,2})?$/;
const ALONE: Parts = { part: 1, parts: 1 };

export function partsOf({ part, parts }: Fields): Parts | undefined {
  if (part === undefined && parts === undefined) return ALONE;
  return isWhole(part) && isWhole(parts) && part >= 1 && part <= parts ? { part, parts } : undefined;
}

export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function isStrings(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

export function isNumberText(value: unknown): value is string {
  return typeof value === "string" && NUMBER.test(value);
}

export function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

export function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}
